# Name, parent domains, address, address cut from the right.
client mail.sub.example.net[198.51.100.9]
main smtpd_client_restrictions = check_client_access inline:{{198.51 = REJECT by net}}, check_client_access inline:{{example.net = REJECT by name}}
---
S: 220 mx.example.org ESMTP Postfix
C: MAIL FROM:<>
S: 250 2.1.0 Ok
C: RCPT TO:<joe@example.org>
S: 554 5.7.1 <mail.sub.example.net[198.51.100.9]>: Client host rejected: by net
