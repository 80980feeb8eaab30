main smtpd_helo_required = yes
main smtpd_sasl_auth_enable = yes
---
S: 220 mx.example.org ESMTP Postfix
C: MAIL FROM:<a@b.example>
S: 503 5.5.1 Error: send HELO/EHLO first
C: ETRN example.org
S: 503 Error: send HELO/EHLO first
C: AUTH PLAIN
S: 503 5.5.1 Error: send HELO/EHLO first
C: HELO x
S: 250 mx.example.org
C: MAIL FROM:<a@b.example>
S: 250 2.1.0 Ok
