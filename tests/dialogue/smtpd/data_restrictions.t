main smtpd_data_restrictions = reject_multi_recipient_bounce
---
S: 220 mx.example.org ESMTP Postfix
C: MAIL FROM:<>
S: 250 2.1.0 Ok
C: RCPT TO:<joe@example.org>
S: 250 2.1.5 Ok
C: RCPT TO:<jane@example.org>
S: 250 2.1.5 Ok
C: DATA
S: 550 5.5.3 <DATA>: Data command rejected: Multi-recipient bounce
L: QID1: reject: DATA from client.example.net[192.0.2.7]: 550 5.5.3 <DATA>: Data command rejected: Multi-recipient bounce; from=<> proto=SMTP
C: RSET
S: 250 2.0.0 Ok
C: MAIL FROM:<>
S: 250 2.1.0 Ok
C: RCPT TO:<joe@example.org>
S: 250 2.1.5 Ok
C: DATA
S: 354 End data with <CR><LF>.<CR><LF>
C: .
S: 250 2.0.0 Ok: queued as QID2
