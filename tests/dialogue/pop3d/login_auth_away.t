# No auth process: nothing is offered, and it is not the client's fault.
engine login
secured
mechs
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
S: USER
S: .
C: AUTH PLAIN AGFuYQBzZWNyZXQ=
S: -ERR [SYS/TEMP] Passwords cannot be checked now, try again later
