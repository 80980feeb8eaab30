# RFC 3206: the client learns that it is the password.
engine login
---
S: +OK mx.example.org ready
C: USER ana
S: +OK
C: PASS wrong
S: -ERR [AUTH] Authentication failed
F: PLAIN ana
C: PASS secret
S: -ERR Say USER first
C: USER ana
S: +OK
C: PASS secret
D: PLAIN|
