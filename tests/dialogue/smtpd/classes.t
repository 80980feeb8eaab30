main smtpd_restriction_classes = strict, loose
main strict = reject_unknown_client_hostname, permit
main loose = permit
main smtpd_recipient_restrictions = check_recipient_access inline:{joe@example.org=strict, jane@example.org=loose}, reject
client unknown[192.0.2.9]
---
S: 220 mx.example.org ESMTP Postfix
C: MAIL FROM:<a@b.example>
S: 250 2.1.0 Ok
C: RCPT TO:<joe@example.org>
S: 450 4.7.25 Client host rejected: cannot find your hostname, [192.0.2.9]
C: RCPT TO:<jane@example.org>
S: 250 2.1.5 Ok
C: RCPT TO:<postmaster@example.org>
S: 554 5.7.1 <postmaster@example.org>: Recipient address rejected: Access denied
