# What cannot be decided now defers a permit, and does not soften a refusal.
main smtpd_sender_restrictions = reject_unknown_sender_domain
main smtpd_relay_restrictions = reject_unauth_destination
---
S: 220 mx.example.org ESMTP Postfix
C: MAIL FROM:<a@x.later.example>
S: 250 2.1.0 Ok
C: RCPT TO:<joe@example.org>
S: 250 2.1.5 Ok
C: RSET
S: 250 2.0.0 Ok
C: MAIL FROM:<a@later.example>
S: 250 2.1.0 Ok
C: RCPT TO:<joe@example.org>
S: 451 4.3.0 <a@later.example>: Temporary lookup failure
