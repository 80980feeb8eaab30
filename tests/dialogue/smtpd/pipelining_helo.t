# After HELO there is no pipelining at all.
whole
---
S: 220 mx.example.org ESMTP Postfix
C: HELO x
S: 250 mx.example.org
C> MAIL FROM:<a@b.example>\r\nRCPT TO:<joe@example.org>\r\n
S: 554 5.5.0 Error: SMTP protocol synchronization
E:
