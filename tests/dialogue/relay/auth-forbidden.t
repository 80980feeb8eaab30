# The default: a password never goes over the wire in the clear.
login me secret
forbid noplaintext, noanonymous
---
S: 220 hi
C: EHLO client.example
S: 250-mx
S: 250 AUTH PLAIN LOGIN
quiet
F: soft 4.7.0 SASL authentication failed; cannot authenticate to server mx.example[192.0.2.1]: no mechanism available
