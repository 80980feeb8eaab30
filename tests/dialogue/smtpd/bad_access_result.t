main smtpd_sender_restrictions = check_sender_access inline:{a@b.example=NONSENSE}
---
S: 220 mx.example.org ESMTP Postfix
C: MAIL FROM:<a@b.example>
S: 250 2.1.0 Ok
C: RCPT TO:<joe@example.org>
S: 451 4.3.5 Server configuration error
L: warning: unknown smtpd restriction: "NONSENSE"
