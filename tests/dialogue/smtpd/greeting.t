# The banner, EHLO in Postfix's order, QUIT.
---
S: 220 mx.example.org ESMTP Postfix
L: connect from client.example.net[192.0.2.7]
C: EHLO client.example.net
S: 250-mx.example.org
S: 250-PIPELINING
S: 250-SIZE 10240000
S: 250-VRFY
S: 250-ENHANCEDSTATUSCODES
S: 250-8BITMIME
S: 250 DSN
C: QUIT
S: 221 2.0.0 Bye
E:
