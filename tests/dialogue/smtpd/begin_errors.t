fail begin 5
---
S: 220 mx.example.org ESMTP Postfix
C: MAIL FROM:<a@b.example>
S: 250 2.1.0 Ok
C: RCPT TO:<joe@example.org>
S: 451 4.3.0 Error: queue file write error
C: DATA
S: 554 5.5.1 Error: no valid recipients
