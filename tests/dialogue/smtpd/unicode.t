# SMTPUTF8 is not offered.
---
S: 220 mx.example.org ESMTP Postfix
C: HELO x
S: 250 mx.example.org
C> MAIL FROM:<\xc3\xa9@b.example>\r\n
S: 553 5.6.7 Must declare SMTPUTF8 to send unicode address
C> MAIL FROM:<\xff@b.example>\r\n
S: 500 5.5.2 Error: bad UTF-8 syntax
C: MAIL FROM:<a@b.example> SMTPUTF8
S: 555 5.5.4 Unsupported option: SMTPUTF8
