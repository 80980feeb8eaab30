---
S: 220 mx.example.org ESMTP Postfix
C: EHLO x
S: 250-mx.example.org
S: 250-PIPELINING
S: 250-SIZE 10240000
S: 250-VRFY
S: 250-ENHANCEDSTATUSCODES
S: 250-8BITMIME
S: 250 DSN
C: MAIL
S: 501 5.5.4 Syntax: MAIL FROM:<address>
C: MAIL TO:<a@b.example>
S: 501 5.5.4 Syntax: MAIL FROM:<address>
C: MAIL FROM:
S: 501 5.5.4 Syntax: MAIL FROM:<address>
C: MAIL FROM:<@@>
S: 501 5.1.7 Bad sender address syntax
L: warning: Illegal address syntax from client.example.net[192.0.2.7] in MAIL command: <@@>
C: MAIL FROM:<a@b.example>
S: 250 2.1.0 Ok
C: RCPT
S: 501 5.5.4 Syntax: RCPT TO:<address>
C: RCPT FROM:<joe@example.org>
S: 501 5.5.4 Syntax: RCPT TO:<address>
C: RCPT TO:<>
S: 501 5.1.3 Bad recipient address syntax
C: RSET x
S: 501 5.5.4 Syntax: RSET
C: RCPT TO:<joe@example.org>
S: 250 2.1.5 Ok
C: DATA x
S: 501 5.5.4 Syntax: DATA
