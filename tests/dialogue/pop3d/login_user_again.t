# Another USER takes the place of the first.
engine login
---
S: +OK mx.example.org ready
C: USER rui
S: +OK
C: USER ana
S: +OK
C: PASS secret
D: PLAIN|
