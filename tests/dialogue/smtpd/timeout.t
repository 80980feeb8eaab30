---
S: 220 mx.example.org ESMTP Postfix
C: HELO x
S: 250 mx.example.org
!timeout
S: 421 4.4.2 mx.example.org Error: timeout exceeded
L: NOQUEUE: timeout after HELO from client.example.net[192.0.2.7]
E:
