# More than any line may have.
engine login
---
S: +OK mx.example.org ready
C> AUTH PLAIN \*\*\*\*\*\*\*\*\*\*\*\*\*\*\*\r\nQUIT\r\n
S: -ERR The command is too long
S: +OK Bye
E:
