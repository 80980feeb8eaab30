main smtpd_discard_ehlo_keywords = dsn, vrfy
---
S: 220 mx.example.org ESMTP Postfix
C: EHLO x
S: 250-mx.example.org
S: 250-PIPELINING
S: 250-SIZE 10240000
S: 250-ENHANCEDSTATUSCODES
S: 250 8BITMIME
C: MAIL FROM:<a@b.example> RET=HDRS
S: 501 5.7.1 DSN support is disabled
C: MAIL FROM:<a@b.example>
S: 250 2.1.0 Ok
C: RCPT TO:<joe@example.org> NOTIFY=NEVER
S: 501 5.7.1 DSN support is disabled
