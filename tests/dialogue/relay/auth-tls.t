# Allowed under TLS; what was offered before it does not count.
tls encrypt
login me secret
forbid noplaintext, noanonymous
forbid_tls noanonymous
---
S: 220 hi
C: EHLO client.example
S: 250-mx
S: 250-STARTTLS
S: 250 AUTH PLAIN LOGIN
C: STARTTLS
S: 220 go
!tls
C: EHLO client.example
S: 250-mx
S: 250 AUTH LOGIN
C: AUTH LOGIN
S: 334 VXNlcm5hbWU6
C: bWU=
S: 334 UGFzc3dvcmQ6
C: c2VjcmV0
S: 235 ok
!ready
