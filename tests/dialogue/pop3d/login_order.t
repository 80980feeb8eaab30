# Commands of the other state, and none.
engine login
---
S: +OK mx.example.org ready
C: PASS secret
S: -ERR Say USER first
C: STAT
S: -ERR Log in first
C: NOOP
S: -ERR Log in first
C: retr 1
S: -ERR Log in first
C: XYZZY
S: -ERR Unknown command
C: 
S: -ERR Unknown command
C: USER
S: -ERR A name is wanted
C: USER ana
S: +OK
C: PASS
S: -ERR A password is wanted
C: QUIT
S: +OK Bye
E:
