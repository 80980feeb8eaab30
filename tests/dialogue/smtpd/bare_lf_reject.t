main smtpd_forbid_bare_newline = reject
---
S: 220 mx.example.org ESMTP Postfix
C: HELO x
S: 250 mx.example.org
C: MAIL FROM:<a@b.example>
S: 250 2.1.0 Ok
C: RCPT TO:<joe@example.org>
S: 250 2.1.5 Ok
C: DATA
S: 354 End data with <CR><LF>.<CR><LF>
C> Subject: x\n
S: 550 5.5.2 mx.example.org Error: bare <LF> received
L: QID1: reject: bare <LF> received after DATA from client.example.net[192.0.2.7]
E:
