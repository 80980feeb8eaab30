tls encrypt
---
S: 220 hi
C: EHLO client.example
S: 250-mx
S: 250 STARTTLS
C: STARTTLS
S: 554 5.7.0 no
F: soft 4.7.0 TLS is required, but host mx.example[192.0.2.1] refused to start TLS: 554 5.7.0 no
