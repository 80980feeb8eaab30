tls encrypt
---
S: 220 hi
C: EHLO client.example
S: 250 mx
F: soft 4.7.4 TLS is required, but was not offered by host mx.example[192.0.2.1]
