main smtpd_forbid_bare_newline = reject
---
S: 220 mx.example.org ESMTP Postfix
C> HELO x\n
S: 550 5.5.2 mx.example.org Error: bare <LF> received
L: NOQUEUE: reject: bare <LF> received after CONNECT from client.example.net[192.0.2.7]
E:
