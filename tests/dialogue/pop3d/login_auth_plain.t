# RFC 5034: PLAIN with its initial response.
engine login
secured
---
S: +OK mx.example.org ready
C: AUTH PLAIN AGFuYQBzZWNyZXQ=
D: PLAIN|
