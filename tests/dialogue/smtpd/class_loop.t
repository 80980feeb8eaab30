# A class that names itself ends in a refusal.
main smtpd_restriction_classes = again
main again = again
main smtpd_recipient_restrictions = again
---
S: 220 mx.example.org ESMTP Postfix
C: MAIL FROM:<a@b.example>
S: 250 2.1.0 Ok
C: RCPT TO:<joe@example.org>
S: 451 4.3.5 Server configuration error
