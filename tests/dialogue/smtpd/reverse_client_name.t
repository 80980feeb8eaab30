client unknown[192.0.2.9]
main smtpd_client_restrictions = reject_unknown_reverse_client_hostname
---
S: 220 mx.example.org ESMTP Postfix
C: MAIL FROM:<a@b.example>
S: 250 2.1.0 Ok
C: RCPT TO:<joe@example.org>
S: 450 4.7.1 Client host rejected: cannot find your reverse hostname, [192.0.2.9]
