# RFC 2449 6.6: what is sent ahead is the next state's.
engine login
---
S: +OK mx.example.org ready
C> USER ana\r\nPASS secret\r\nSTAT\r\n
S: +OK
D: PLAIN|STAT
