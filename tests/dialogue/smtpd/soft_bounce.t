main soft_bounce = yes
---
S: 220 mx.example.org ESMTP Postfix
C: MAIL FROM:<a@b.example>
S: 250 2.1.0 Ok
C: RCPT TO:<no@example.org>
S: 450 4.1.1 <no@example.org>: Recipient address rejected: User unknown in local recipient table
