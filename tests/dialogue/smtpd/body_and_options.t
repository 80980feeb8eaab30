---
S: 220 mx.example.org ESMTP Postfix
C: HELO x
S: 250 mx.example.org
C: MAIL FROM:<a@b.example> BODY=BINARYMIME
S: 555 5.5.4 Unsupported option: BODY=BINARYMIME
C: MAIL FROM:<a@b.example> FOO
S: 555 5.5.4 Unsupported option: FOO
C: MAIL FROM:<a@b.example> body=8bitmime size=10
S: 250 2.1.0 Ok
C: RCPT TO:<joe@example.org> SIZE=10
S: 555 5.5.4 Unsupported option: SIZE=10
C: RCPT TO:<joe@example.org>
S: 250 2.1.5 Ok
C: DATA
S: 354 End data with <CR><LF>.<CR><LF>
C: .
S: 250 2.0.0 Ok: queued as QID1
M: from=<a@b.example> helo=x SMTP 8bit to=<joe@example.org>
