# Who only makes errors has to go.
engine login
errors 3
---
S: +OK mx.example.org ready
C: A
S: -ERR Unknown command
C: B
S: -ERR Unknown command
C: C
S: -ERR Too many errors
E:
