# RFC 5034 4: an asterisk ends it.
engine login
secured
---
S: +OK mx.example.org ready
C: AUTH LOGIN
S: + VXNlcm5hbWU6
C: *
S: -ERR Authentication was canceled
F: canceled
C: QUIT
S: +OK Bye
E:
