main smtpd_delay_reject = no
main smtpd_helo_restrictions = reject_invalid_helo_hostname
main smtpd_sender_restrictions = inline:{bad@b.example=REJECT}
---
S: 220 mx.example.org ESMTP Postfix
C: HELO a..b
S: 501 5.5.2 <a..b>: Helo command rejected: Invalid name
L: NOQUEUE: reject: HELO from client.example.net[192.0.2.7]: 501 5.5.2 <a..b>: Helo command rejected: Invalid name; proto=SMTP helo=<a..b>
C: HELO good.example
S: 250 mx.example.org
C: MAIL FROM:<bad@b.example>
S: 554 5.7.1 <bad@b.example>: Sender address rejected: Access denied
L: NOQUEUE: reject: MAIL from client.example.net[192.0.2.7]: 554
C: MAIL FROM:<ok@b.example>
S: 250 2.1.0 Ok
