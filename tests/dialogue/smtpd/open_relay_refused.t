# Lists that let everything pass are a mistake; nothing passes.
main smtpd_relay_restrictions = permit_mynetworks
main smtpd_recipient_restrictions = permit_sasl_authenticated, warn_if_reject reject_unauth_destination
---
S: 220 mx.example.org ESMTP Postfix
C: MAIL FROM:<a@b.example>
S: 250 2.1.0 Ok
C: RCPT TO:<joe@example.org>
S: 451 4.3.5 Server configuration error
L: specify at least one working instance of: reject_unauth_destination
C: RCPT TO:<them@elsewhere.example>
S: 451 4.3.5 Server configuration error
