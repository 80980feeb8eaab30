# RFC 2920: a whole transaction in one write, answered in order.
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
C> MAIL FROM:<a@b.example>\r\nRCPT TO:<joe@example.org>\r\nRCPT TO:<no@example.org>\r\nDATA\r\n
S: 250 2.1.0 Ok
S: 250 2.1.5 Ok
S: 550 5.1.1 <no@example.org>: Recipient address rejected: User unknown in local recipient table
S: 354 End data with <CR><LF>.<CR><LF>
C> Subject: one\r\n\r\n.\r\nMAIL FROM:<c@d.example>\r\nRCPT TO:<jane@example.org>\r\nDATA\r\n
S: 250 2.0.0 Ok: queued as QID1
S: 250 2.1.0 Ok
S: 250 2.1.5 Ok
S: 354 End data with <CR><LF>.<CR><LF>
C> .\r\nQUIT\r\n
S: 250 2.0.0 Ok: queued as QID2
S: 221 2.0.0 Bye
E:
