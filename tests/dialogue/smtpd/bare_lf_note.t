main smtpd_forbid_bare_newline = note
---
S: 220 mx.example.org ESMTP Postfix
C> HELO x\n
S: 250 mx.example.org
C> QUIT\n
S: 221 2.0.0 Bye
