# Nothing that needs a password is offered in the clear.
engine login
tls
tls_only
---
S: +OK mx.example.org ready
C: CAPA
S: +OK Capability list follows
S: TOP
S: UIDL
S: RESP-CODES
S: AUTH-RESP-CODE
S: PIPELINING
S: EXPIRE NEVER
S: STLS
S: .
C: USER ana
S: -ERR [AUTH] Say STLS first
C: PASS secret
S: -ERR [AUTH] Say STLS first
C: AUTH PLAIN AGFuYQBzZWNyZXQ=
S: -ERR [AUTH] Say STLS first
C: STLS
S: +OK Begin TLS now
TLS:
C: CAPA
S: +OK Capability list follows
S: TOP
S: UIDL
S: RESP-CODES
S: AUTH-RESP-CODE
S: PIPELINING
S: EXPIRE NEVER
S: USER
S: SASL PLAIN LOGIN
S: .
C: USER ana
S: +OK
C: PASS secret
D: PLAIN|
