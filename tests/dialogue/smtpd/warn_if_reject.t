main smtpd_recipient_restrictions = warn_if_reject inline:{joe@example.org=REJECT}, warn_if_reject reject_unknown_client_hostname
client unknown[192.0.2.9]
---
S: 220 mx.example.org ESMTP Postfix
C: MAIL FROM:<a@b.example>
S: 250 2.1.0 Ok
C: RCPT TO:<joe@example.org>
S: 250 2.1.5 Ok
L: NOQUEUE: reject_warning: RCPT from unknown[192.0.2.9]: 554 5.7.1 <joe@example.org>: Recipient address rejected: Access denied;
L: NOQUEUE: reject_warning: RCPT from unknown[192.0.2.9]: 450 4.7.25 Client host rejected: cannot find your hostname, [192.0.2.9];
