# No certificate, no TLS.
engine login
---
S: +OK mx.example.org ready
C: STLS
S: -ERR TLS is not available
C: STLS now
S: -ERR This command takes no arguments
