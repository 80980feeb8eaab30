# What is sent behind EHLO, which must be waited for, ends the session.
whole
---
S: 220 mx.example.org ESMTP Postfix
C> EHLO x\r\nMAIL FROM:<a@b.example>\r\n
S: 554 5.5.0 Error: SMTP protocol synchronization
L: improper command pipelining after EHLO from client.example.net[192.0.2.7]: MAIL FROM:<a@b.example>\r\n
E:
