# RFC 1939 7: USER and PASS.
engine login
---
S: +OK mx.example.org ready
C: USER ana
S: +OK
C: PASS secret
D: PLAIN|
