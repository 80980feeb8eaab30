# RFC 3206: cannot tell now is not no.
engine login
users later
---
S: +OK mx.example.org ready
C: USER ana
S: +OK
C: PASS secret
S: -ERR [SYS/TEMP] Passwords cannot be checked now, try again later
F: PLAIN ana later
