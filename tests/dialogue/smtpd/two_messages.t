# EHLO between messages drops the envelope; NOOP does not.
---
S: 220 mx.example.org ESMTP Postfix
C: HELO x
S: 250 mx.example.org
C: MAIL FROM:<a@b.example>
S: 250 2.1.0 Ok
C: RCPT TO:<joe@example.org>
S: 250 2.1.5 Ok
C: NOOP
S: 250 2.0.0 Ok
C: HELO y
S: 250 mx.example.org
C: RCPT TO:<joe@example.org>
S: 503 5.5.1 Error: need MAIL command
C: MAIL FROM:<c@d.example>
S: 250 2.1.0 Ok
C: RCPT TO:<jane@example.org>
S: 250 2.1.5 Ok
C: DATA
S: 354 End data with <CR><LF>.<CR><LF>
C: .
S: 250 2.0.0 Ok: queued as QID2
M: from=<c@d.example> helo=y SMTP to=<jane@example.org>
