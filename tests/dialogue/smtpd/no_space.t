fail space 28
---
S: 220 mx.example.org ESMTP Postfix
C: MAIL FROM:<a@b.example>
S: 452 4.3.1 Insufficient system storage
L: warning: not enough free space in mail queue
