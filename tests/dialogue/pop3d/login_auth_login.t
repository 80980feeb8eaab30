# Two questions.
engine login
secured
---
S: +OK mx.example.org ready
C: AUTH LOGIN
S: + VXNlcm5hbWU6
C: YW5h
S: + UGFzc3dvcmQ6
C: c2VjcmV0
D: LOGIN|
