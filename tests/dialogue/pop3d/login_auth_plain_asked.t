# RFC 5034: without one the server asks, with nothing.
engine login
secured
---
S: +OK mx.example.org ready
C: auth plain
S: + 
C: AGFuYQBzZWNyZXQ=
D: plain|
