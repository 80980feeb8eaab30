# A refusal at the end forgets the whole message (Postfix HISTORY 2026).
main smtpd_end_of_data_restrictions = check_sender_access inline:{a@b.example=REJECT}
---
S: 220 mx.example.org ESMTP Postfix
C: MAIL FROM:<a@b.example>
S: 250 2.1.0 Ok
C: RCPT TO:<joe@example.org>
S: 250 2.1.5 Ok
C: DATA
S: 354 End data with <CR><LF>.<CR><LF>
C: .
S: 554 5.7.1 <a@b.example>: Sender address rejected: Access denied
L: QID1: reject: END-OF-MESSAGE from client.example.net[192.0.2.7]: 554 5.7.1 <a@b.example>: Sender address rejected: Access denied; from=<a@b.example> to=<joe@example.org> proto=SMTP
C: RCPT TO:<jane@example.org>
S: 503 5.5.1 Error: need MAIL command
C: DATA
S: 503 5.5.1 Error: need RCPT command
M:
