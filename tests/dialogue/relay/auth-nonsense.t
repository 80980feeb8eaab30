login me secret
forbid noplaintext
---
S: 220 hi
C: EHLO client.example
S: 250-mx
S: 250 AUTH CRAM-MD5
C: AUTH CRAM-MD5
S: 334 !!!
C: *
S: 501 cancelled
F: soft 4.7.0 SASL authentication failed; cannot authenticate to server mx.example[192.0.2.1]: unexpected server response
