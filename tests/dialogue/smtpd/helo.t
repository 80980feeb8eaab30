# HELO: one line, and SMTP in what is written down.
---
S: 220 mx.example.org ESMTP Postfix
C: HELO foo.example.net
S: 250 mx.example.org
C: MAIL FROM:<>
S: 250 2.1.0 Ok
C: RCPT TO:<joe@example.org>
S: 250 2.1.5 Ok
C: DATA
S: 354 End data with <CR><LF>.<CR><LF>
C: .
S: 250 2.0.0 Ok: queued as QID1
M: from=<> helo=foo.example.net SMTP to=<joe@example.org>
