# What Postfix takes, we take.
---
S: 220 mx.example.org ESMTP Postfix
C: HELO x
S: 250 mx.example.org
C: mail from: a@b.example
S: 250 2.1.0 Ok
C: rcpt to: <joe@example.org>
S: 250 2.1.5 Ok
C: RCPT TO:<@relay.example,@b.example:jane@example.org>
S: 250 2.1.5 Ok
C: RCPT TO:<postmaster>
S: 250 2.1.5 Ok
C: DATA
S: 354 End data with <CR><LF>.<CR><LF>
C: .
S: 250 2.0.0 Ok: queued as QID1
M: from=<a@b.example> helo=x SMTP to=<joe@example.org> to=<jane@example.org> to=<postmaster>
