tls
main smtpd_tls_security_level = may
main smtpd_recipient_restrictions = reject_plaintext_session
---
S: 220 mx.example.org ESMTP Postfix
C: MAIL FROM:<a@b.example>
S: 250 2.1.0 Ok
C: RCPT TO:<joe@example.org>
S: 450 4.7.1 Session encryption is required
C: STARTTLS
S: 220 2.0.0 Ready to start TLS
!tls
C: MAIL FROM:<a@b.example>
S: 250 2.1.0 Ok
C: RCPT TO:<joe@example.org>
S: 250 2.1.5 Ok
