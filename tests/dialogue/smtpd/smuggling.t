# Only CR LF . CR LF ends a message; everything else stays inside (CVE-2023-51764).
---
S: 220 mx.example.org ESMTP Postfix
C: HELO x
S: 250 mx.example.org
C: MAIL FROM:<a@b.example>
S: 250 2.1.0 Ok
C: RCPT TO:<joe@example.org>
S: 250 2.1.5 Ok
C: DATA
S: 354 End data with <CR><LF>.<CR><LF>
C> one\n.\nMAIL FROM:<x@y.example>\r\n
C> two\n.\r\nMAIL FROM:<x@y.example>\r\n
C> three\r\n.\nMAIL FROM:<x@y.example>\r\n
C> four\r.\rMAIL FROM:<x@y.example>\r\n
C> five\r\n.\r\r\nMAIL FROM:<x@y.example>\r\n
C> .\r\n
S: 250 2.0.0 Ok: queued as QID1
B: one
B:
B: MAIL FROM:<x@y.example>
B: two
B:
B: MAIL FROM:<x@y.example>
B: three
B:
B: MAIL FROM:<x@y.example>
B: four . MAIL FROM:<x@y.example>
B: five
B:  
B: MAIL FROM:<x@y.example>
