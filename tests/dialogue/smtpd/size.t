main message_size_limit = 1000
---
S: 220 mx.example.org ESMTP Postfix
C: EHLO x
S: 250-mx.example.org
S: 250-PIPELINING
S: 250-SIZE 1000
S: 250-VRFY
S: 250-ENHANCEDSTATUSCODES
S: 250-8BITMIME
S: 250 DSN
C: MAIL FROM:<a@b.example> SIZE=1001
S: 552 5.3.4 Message size exceeds fixed limit
C: MAIL FROM:<a@b.example> SIZE=12x
S: 501 5.5.4 Bad message size syntax
C: MAIL FROM:<a@b.example> SIZE=99999999999999999999
S: 552 5.3.4 Message size exceeds file system imposed limit
C: MAIL FROM:<a@b.example> SIZE=1000
S: 250 2.1.0 Ok
C: RCPT TO:<joe@example.org>
S: 250 2.1.5 Ok
C: DATA
S: 354 End data with <CR><LF>.<CR><LF>
C> \*a\r\n.\r\n
S: 552 5.3.4 Error: message file too big
C: DATA
S: 503 5.5.1 Error: need RCPT command
M:
