---
S: 220 mx.example.org ESMTP Postfix
C> NOOP \*a\r\n
S: 250 2.0.0 Ok
C> NOOP \*a\*a\*a\r\n
S: 500 5.5.2 Error: command too long
C> NOOP \*a\*a\*a\*a\*a\*a\*a\*a\*a\*a\*a\*a\*a\*a\r\n
S: 500 5.5.2 Error: command too long
C: NOOP
S: 250 2.0.0 Ok
