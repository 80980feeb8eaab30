---
S: 220 mx.example.org ESMTP Postfix
C: MAIL FROM:<a@b.example>
S: 250 2.1.0 Ok
C: RCPT TO:<joe@example.org>
S: 250 2.1.5 Ok
C: DATA
S: 354 End data with <CR><LF>.<CR><LF>
C: half
!timeout
S: 421 4.4.2 mx.example.org Error: timeout exceeded
L: QID1: timeout after DATA (6 bytes) from client.example.net[192.0.2.7]
M:
E:
