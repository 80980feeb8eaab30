# warn_if_reject does not help a misspelt list.
main smtpd_recipient_restrictions = warn_if_reject permit_mynetwork
---
S: 220 mx.example.org ESMTP Postfix
C: MAIL FROM:<>
S: 250 2.1.0 Ok
C: RCPT TO:<joe@example.org>
S: 451 4.3.5 Server configuration error
