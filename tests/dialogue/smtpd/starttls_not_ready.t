main smtpd_tls_security_level = may
---
S: 220 mx.example.org ESMTP Postfix
C: STARTTLS
S: 454 4.7.0 TLS not available due to local problem
