login me secret
hard_auth
---
S: 220 hi
C: EHLO client.example
S: 250-mx
S: 250 AUTH PLAIN
C: AUTH PLAIN AG1lAHNlY3JldA==
S: 535 5.7.8 no
F: hard 5.7.8 SASL authentication failed; server mx.example[192.0.2.1] said: 535 5.7.8 no
