# Without smtpd_delay_reject the refusal stands in place of the greeting.
main smtpd_delay_reject = no
main smtpd_client_restrictions = reject
---
S: 554 5.7.1 <client.example.net[192.0.2.7]>: Client host rejected: Access denied
L: NOQUEUE: reject: CONNECT from client.example.net[192.0.2.7]: 554 5.7.1 <client.example.net[192.0.2.7]>: Client host rejected: Access denied; proto=SMTP
C: EHLO x
S: 503 5.7.0 Error: access denied for client.example.net[192.0.2.7]
C: FOO
S: 503 5.7.0 Error: access denied for client.example.net[192.0.2.7]
C: QUIT
S: 221 2.0.0 Bye
E:
