tls
main smtpd_tls_security_level = encrypt
---
S: 220 mx.example.org ESMTP Postfix
C: HELO x
S: 250 mx.example.org
C: MAIL FROM:<a@b.example>
S: 530 5.7.0 Must issue a STARTTLS command first
C: NOOP
S: 250 2.0.0 Ok
C: STARTTLS
S: 220 2.0.0 Ready to start TLS
!tls
C: MAIL FROM:<a@b.example>
S: 250 2.1.0 Ok
