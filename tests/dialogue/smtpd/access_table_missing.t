# A table that is not there lets nothing pass.
main smtpd_client_restrictions = check_client_access hash:/nonexistent/file
---
S: 220 mx.example.org ESMTP Postfix
C: MAIL FROM:<>
S: 250 2.1.0 Ok
C: RCPT TO:<joe@example.org>
S: 451 4.3.5 Server configuration error
