# Lines may end in LF alone.
engine login
---
S: +OK mx.example.org ready
C> USER ana\nPASS secret\n
S: +OK
D: PLAIN|
