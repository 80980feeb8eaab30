login me secret
---
S: 220 hi
C: EHLO client.example
S: 250-mx
S: 250 AUTH=LOGIN
C: AUTH LOGIN
S: 334 VXNlcm5hbWU6
C: bWU=
S: 334 UGFzc3dvcmQ6
C: c2VjcmV0
S: 535 5.7.8 no
F: soft 4.7.8 SASL authentication failed; server mx.example[192.0.2.1] said: 535 5.7.8 no
