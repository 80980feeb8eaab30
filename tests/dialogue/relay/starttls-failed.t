tls may
---
S: 220 hi
C: EHLO client.example
S: 250-mx
S: 250 STARTTLS
C: STARTTLS
S: 220 go
!notls
F: soft 4.7.5 Cannot start TLS: handshake failure
