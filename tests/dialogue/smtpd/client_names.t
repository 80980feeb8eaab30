client unknown[192.0.2.9] later
main smtpd_client_restrictions = reject_unknown_client_hostname
main unknown_client_reject_code = 550
---
S: 220 mx.example.org ESMTP Postfix
C: MAIL FROM:<a@b.example>
S: 250 2.1.0 Ok
C: RCPT TO:<joe@example.org>
S: 450 4.7.25 Client host rejected: cannot find your hostname, [192.0.2.9]
