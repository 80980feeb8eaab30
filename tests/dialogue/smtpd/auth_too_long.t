main smtpd_sasl_auth_enable = yes
main smtpd_sasl_response_limit = 3000
mechs PLAIN
---
S: 220 mx.example.org ESMTP Postfix
C: AUTH PLAIN
S: 334 
C> \*a\*a\*a\*a\r\n
S: 500 5.5.6 SASL response limit exceeded
C: NOOP
S: 250 2.0.0 Ok
