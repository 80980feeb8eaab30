# RFC 1939 7: blanks belong to a password.
engine login
users ana my_secret__word_
---
S: +OK mx.example.org ready
C: USER ana
S: +OK
C: PASS my secret  word 
D: PLAIN|
