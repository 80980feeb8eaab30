---
S: 220 mx.example.org ESMTP Postfix
!lost
L: NOQUEUE: lost connection after CONNECT from client.example.net[192.0.2.7]
E:
