main smtpd_reject_unlisted_sender = yes
---
S: 220 mx.example.org ESMTP Postfix
C: MAIL FROM:<nobody@example.org>
S: 250 2.1.0 Ok
C: RCPT TO:<joe@example.org>
S: 550 5.1.0 <nobody@example.org>: Sender address rejected: User unknown in local recipient table
C: RSET
S: 250 2.0.0 Ok
C: MAIL FROM:<joe@example.org>
S: 250 2.1.0 Ok
C: RCPT TO:<joe@example.org>
S: 250 2.1.5 Ok
