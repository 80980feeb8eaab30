ehlo_if_offered
---
S: 220 mx.example SMTP
C: HELO client.example
S: 250 mx
!ready
