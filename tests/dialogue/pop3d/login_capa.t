# RFC 2449.
engine login
tls
---
S: +OK mx.example.org ready
C: capa
S: +OK Capability list follows
S: TOP
S: UIDL
S: RESP-CODES
S: AUTH-RESP-CODE
S: PIPELINING
S: EXPIRE NEVER
S: STLS
S: USER
S: SASL PLAIN LOGIN
S: .
