# The words defer and reject themselves.
main smtpd_restriction_classes = slow, shut, soft
main slow = defer
main shut = reject
main soft = defer_if_reject, reject
main smtpd_recipient_restrictions = check_recipient_access inline:{joe@example.org=slow, jane@example.org=shut, info@virtual.example=soft}
---
S: 220 mx.example.org ESMTP Postfix
C: MAIL FROM:<a@b.example>
S: 250 2.1.0 Ok
C: RCPT TO:<joe@example.org>
S: 450 4.3.2 <joe@example.org>: Recipient address rejected: Try again later
C: RCPT TO:<jane@example.org>
S: 554 5.7.1 <jane@example.org>: Recipient address rejected: Access denied
C: RCPT TO:<info@virtual.example>
S: 450 4.7.0 <info@virtual.example>: Recipient address rejected: defer_if_reject requested
C: RCPT TO:<postmaster@example.org>
S: 250 2.1.5 Ok
