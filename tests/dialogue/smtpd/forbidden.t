# Another protocol's client is sent away at its first line.
whole
---
S: 220 mx.example.org ESMTP Postfix
C> GET / HTTP/1.1\r\nHost: mx\r\nMAIL FROM:<a@b>\r\n
S: 221 2.7.0 Error: I can break rules, too. Goodbye.
L: warning: non-SMTP command from client.example.net[192.0.2.7]: GET / HTTP/1.1
E:
