# RFC 5321 4.1.4: commands in the wrong order.
---
S: 220 mx.example.org ESMTP Postfix
C: RCPT TO:<joe@example.org>
S: 503 5.5.1 Error: need MAIL command
C: DATA
S: 503 5.5.1 Error: need RCPT command
C: HELO x
S: 250 mx.example.org
C: MAIL FROM:<a@b.example>
S: 250 2.1.0 Ok
C: MAIL FROM:<a@b.example>
S: 503 5.5.1 Error: nested MAIL command
C: DATA
S: 554 5.5.1 Error: no valid recipients
C: RSET
S: 250 2.0.0 Ok
C: DATA
S: 503 5.5.1 Error: need RCPT command
