main smtpd_sasl_auth_enable = yes
main smtpd_sasl_exceptions_networks = 192.0.2.0/24
mechs PLAIN
---
S: 220 mx.example.org ESMTP Postfix
C: AUTH PLAIN
S: 503 5.5.1 Error: authentication not enabled
