main smtpd_sender_restrictions = inline:{a@b.example=DISCARD}
---
S: 220 mx.example.org ESMTP Postfix
C: MAIL FROM:<a@b.example>
S: 250 2.1.0 Ok
C: RCPT TO:<joe@example.org>
S: 250 2.1.5 Ok
L: NOQUEUE: discard: RCPT from client.example.net[192.0.2.7]: <a@b.example>: Sender address triggers DISCARD action;
C: DATA
S: 354 End data with <CR><LF>.<CR><LF>
C: .
S: 250 2.0.0 Ok: queued as QID1
M: from=<a@b.example> helo= SMTP to=<joe@example.org> discard
