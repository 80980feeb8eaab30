# Without smtpd_helo_required mail may come without HELO.
---
S: 220 mx.example.org ESMTP Postfix
C: MAIL FROM:<a@b.example>
S: 250 2.1.0 Ok
C: RCPT TO:<joe@example.org>
S: 250 2.1.5 Ok
C: DATA
S: 354 End data with <CR><LF>.<CR><LF>
C: .
S: 250 2.0.0 Ok: queued as QID1
M: from=<a@b.example> helo= SMTP to=<joe@example.org>
