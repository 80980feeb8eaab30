# Internal form in the queue, quotes in the log.
users a<b
---
S: 220 mx.example.org ESMTP Postfix
C: HELO x
S: 250 mx.example.org
C: MAIL FROM:<"a b"@b.example>
S: 250 2.1.0 Ok
C: RCPT TO:<"no one"@example.org>
S: 550 5.1.1 <no one@example.org>: Recipient address rejected: User unknown in local recipient table
L: from=<"a b"@b.example> to=<"no one"@example.org> proto=SMTP helo=<x>
C: RCPT TO:<"a<b"@example.org>
S: 250 2.1.5 Ok
C: DATA
S: 354 End data with <CR><LF>.<CR><LF>
C: .
S: 250 2.0.0 Ok: queued as QID1
M: from=<a b@b.example> helo=x SMTP to=<a<b@example.org>
