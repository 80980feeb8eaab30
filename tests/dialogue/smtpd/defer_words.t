main smtpd_recipient_restrictions = check_recipient_access inline:{joe@example.org=defer_if_permit, jane@example.org=defer, info@virtual.example=reject, postmaster@example.org=permit}
---
S: 220 mx.example.org ESMTP Postfix
C: MAIL FROM:<a@b.example>
S: 250 2.1.0 Ok
C: RCPT TO:<joe@example.org>
S: 450 4.7.1 <joe@example.org>: Recipient address rejected: Service unavailable
C: RCPT TO:<jane@example.org>
S: 450 4.7.1 <jane@example.org>: Recipient address rejected: Access denied
C: RCPT TO:<info@virtual.example>
S: 554 5.7.1 <info@virtual.example>: Recipient address rejected: Access denied
C: RCPT TO:<postmaster@example.org>
S: 250 2.1.5 Ok
