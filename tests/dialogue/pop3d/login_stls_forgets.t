# RFC 2595 4: what was said in the clear does not count, before or behind.
engine login
tls
---
S: +OK mx.example.org ready
C: USER ana
S: +OK
C> STLS\r\nUSER ana\r\nPASS secret\r\n
S: +OK Begin TLS now
TLS:
C: PASS secret
S: -ERR Say USER first
C: STLS
S: -ERR TLS is on already
