# RFC 3207 4.2: login, HELO and transaction from before do not count.
tls
main smtpd_tls_security_level = may
main smtpd_sasl_auth_enable = yes
main smtpd_helo_required = yes
mechs PLAIN
---
S: 220 mx.example.org ESMTP Postfix
C: HELO x
S: 250 mx.example.org
C: AUTH PLAIN AGpvZQBzZWNyZXQ=
S: 235 2.7.0 Authentication successful
C: MAIL FROM:<a@b.example>
S: 250 2.1.0 Ok
C: RCPT TO:<joe@example.org>
S: 250 2.1.5 Ok
C: STARTTLS
S: 220 2.0.0 Ready to start TLS
!tls
C: RCPT TO:<joe@example.org>
S: 503 5.5.1 Error: need MAIL command
C: MAIL FROM:<a@b.example>
S: 503 5.5.1 Error: send HELO/EHLO first
C: HELO x
S: 250 mx.example.org
C: MAIL FROM:<a@b.example>
S: 250 2.1.0 Ok
C: RCPT TO:<them@elsewhere.example>
S: 454 4.7.1 <them@elsewhere.example>: Relay access denied
