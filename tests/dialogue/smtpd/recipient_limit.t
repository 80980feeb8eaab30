main smtpd_recipient_limit = 2
main smtpd_recipient_overshoot_limit = 2
main smtpd_hard_error_limit = 3
---
S: 220 mx.example.org ESMTP Postfix
C: MAIL FROM:<a@b.example>
S: 250 2.1.0 Ok
C: RCPT TO:<joe@example.org>
S: 250 2.1.5 Ok
C: RCPT TO:<joe@example.org>
S: 250 2.1.5 Ok
C: RCPT TO:<joe@example.org>
S: 452 4.5.3 Error: too many recipients
C: RCPT TO:<joe@example.org>
S: 452 4.5.3 Error: too many recipients
C: RCPT TO:<joe@example.org>
S: 452 4.5.3 Error: too many recipients
C: RCPT TO:<joe@example.org>
S: 452 4.5.3 Error: too many recipients
C: RCPT TO:<joe@example.org>
S: 452 4.5.3 Error: too many recipients
S: 421 4.7.0 mx.example.org Error: too many errors
L: QID1: too many errors after RCPT from client.example.net[192.0.2.7]
E:
