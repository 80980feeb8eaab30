# So does a message sent before 354.
whole
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
C> MAIL FROM:<a@b.example>\r\nRCPT TO:<joe@example.org>\r\nDATA\r\nSubject: x\r\n.\r\n
S: 250 2.1.0 Ok
S: 250 2.1.5 Ok
S: 554 5.5.0 Error: SMTP protocol synchronization
L: improper command pipelining after DATA from client.example.net[192.0.2.7]
E:
M:
