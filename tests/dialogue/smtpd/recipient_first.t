# Below level 3.6 the recipient list runs first.
main compatibility_level = 3.5
main smtpd_relay_restrictions = reject_unauth_destination
main smtpd_recipient_restrictions = reject
---
S: 220 mx.example.org ESMTP Postfix
C: MAIL FROM:<a@b.example>
S: 250 2.1.0 Ok
C: RCPT TO:<them@elsewhere.example>
S: 554 5.7.1 <them@elsewhere.example>: Recipient address rejected: Access denied
