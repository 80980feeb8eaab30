whole
main smtpd_forbid_unauth_pipelining = no
main smtpd_data_restrictions = reject_unauth_pipelining
---
S: 220 mx.example.org ESMTP Postfix
C> EHLO x\r\nMAIL FROM:<a@b.example>\r\nRCPT TO:<joe@example.org>\r\nDATA\r\nQUIT\r\n
S: 250-mx.example.org
S: 250-PIPELINING
S: 250-SIZE 10240000
S: 250-VRFY
S: 250-ENHANCEDSTATUSCODES
S: 250-8BITMIME
S: 250 DSN
S: 250 2.1.0 Ok
S: 250 2.1.5 Ok
S: 503 5.5.0 <DATA>: Data command rejected: Improper use of SMTP command pipelining
S: 221 2.0.0 Bye
L: improper command pipelining after EHLO
E:
