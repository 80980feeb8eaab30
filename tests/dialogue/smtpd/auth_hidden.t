# noplaintext hides PLAIN in the clear; TLS options show it.
tls
main smtpd_tls_security_level = may
main smtpd_sasl_auth_enable = yes
main smtpd_sasl_security_options = noanonymous, noplaintext
main smtpd_sasl_tls_security_options = noanonymous
mechs PLAIN
---
S: 220 mx.example.org ESMTP Postfix
C: AUTH PLAIN
S: 535 5.7.8 Error: authentication failed: Invalid authentication mechanism
C: STARTTLS
S: 220 2.0.0 Ready to start TLS
!tls
C: AUTH PLAIN AGpvZQBzZWNyZXQ=
S: 235 2.7.0 Authentication successful
