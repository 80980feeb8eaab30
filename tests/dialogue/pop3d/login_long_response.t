# Within an exchange it ends the exchange.
engine login
secured
---
S: +OK mx.example.org ready
C: AUTH LOGIN
S: + VXNlcm5hbWU6
C> \*\*\*\*\*\*\*\*\*\*\*\*\*\*\*\r\nQUIT\r\n
S: -ERR The line is too long
F: canceled
S: +OK Bye
E:
