# A mechanism nobody offers; AUTH alone lists them.
engine login
secured
---
S: +OK mx.example.org ready
C: AUTH GSSAPI
S: -ERR Unknown authentication mechanism
C: AUTH
S: +OK
S: PLAIN
S: LOGIN
S: .
C: AUTH PLAIN AGFuYQB3cm9uZw==
S: -ERR [AUTH] Authentication failed
F: PLAIN 
