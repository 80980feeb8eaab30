# Wrong passwords count as errors.
engine login
errors 2
---
S: +OK mx.example.org ready
C: USER ana
S: +OK
C: PASS a
S: -ERR [AUTH] Authentication failed
F: PLAIN ana
C: USER ana
S: +OK
C: PASS b
S: -ERR Too many errors
F: PLAIN ana
E:
