# Between messages a session ends when we go down; within one it goes on.
---
S: 220 mx.example.org ESMTP Postfix
C: MAIL FROM:<a@b.example>
S: 250 2.1.0 Ok
!drain
C: RCPT TO:<joe@example.org>
S: 250 2.1.5 Ok
C: DATA
S: 354 End data with <CR><LF>.<CR><LF>
!drain
C: .
S: 250 2.0.0 Ok: queued as QID1
!drain
S: 421 4.3.2 mx.example.org Service shutting down, try again
E:
