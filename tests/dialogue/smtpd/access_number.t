# Digits alone permit, whatever they are.
main smtpd_recipient_restrictions = inline:{joe@example.org=554}, reject
---
S: 220 mx.example.org ESMTP Postfix
C: MAIL FROM:<a@b.example>
S: 250 2.1.0 Ok
C: RCPT TO:<joe@example.org>
S: 250 2.1.5 Ok
C: RCPT TO:<jane@example.org>
S: 554 5.7.1 <jane@example.org>: Recipient address rejected: Access denied
