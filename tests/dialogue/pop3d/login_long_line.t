# A line of any length costs one error and no memory.
engine login
---
S: +OK mx.example.org ready
C> USER \*\*\r\nQUIT\r\n
S: -ERR The command is too long
S: +OK Bye
E:
