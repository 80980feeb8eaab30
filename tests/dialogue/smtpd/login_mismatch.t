main smtpd_sasl_auth_enable = yes
main smtpd_sender_login_maps = inline:{joe@example.org=joe, boss@example.org=boss}
main smtpd_sender_restrictions = reject_sender_login_mismatch
mechs PLAIN
---
S: 220 mx.example.org ESMTP Postfix
C: MAIL FROM:<joe@example.org>
S: 250 2.1.0 Ok
C: RCPT TO:<jane@example.org>
S: 553 5.7.1 <joe@example.org>: Sender address rejected: not logged in
C: RSET
S: 250 2.0.0 Ok
C: AUTH PLAIN AGpvZQBzZWNyZXQ=
S: 235 2.7.0 Authentication successful
C: MAIL FROM:<joe@example.org>
S: 250 2.1.0 Ok
C: RCPT TO:<jane@example.org>
S: 250 2.1.5 Ok
C: RSET
S: 250 2.0.0 Ok
C: MAIL FROM:<boss@example.org>
S: 250 2.1.0 Ok
C: RCPT TO:<jane@example.org>
S: 553 5.7.1 <boss@example.org>: Sender address rejected: not owned by user joe
L: proto=SMTP sasl_method=PLAIN sasl_username=joe
C: RSET
S: 250 2.0.0 Ok
C: MAIL FROM:<nobodys@example.org>
S: 250 2.1.0 Ok
C: RCPT TO:<jane@example.org>
S: 553 5.7.1 <nobodys@example.org>: Sender address rejected: not owned by user joe
