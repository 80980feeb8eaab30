# RFC 5321 appendix D: the plain way of a message.
---
S: 220 mx.example.org ESMTP Postfix
C: EHLO foo.example.net
S: 250-mx.example.org
S: 250-PIPELINING
S: 250-SIZE 10240000
S: 250-VRFY
S: 250-ENHANCEDSTATUSCODES
S: 250-8BITMIME
S: 250 DSN
C: MAIL FROM:<ann@example.net>
S: 250 2.1.0 Ok
C: RCPT TO:<joe@example.org>
S: 250 2.1.5 Ok
L: QID1: client=client.example.net[192.0.2.7]
C: DATA
S: 354 End data with <CR><LF>.<CR><LF>
C: Subject: hello
C:
C: ..dot
C: text
C: .
S: 250 2.0.0 Ok: queued as QID1
M: from=<ann@example.net> helo=foo.example.net ESMTP to=<joe@example.org>
B: Subject: hello
B:
B: .dot
B: text
C: QUIT
S: 221 2.0.0 Bye
E:
