client localhost[127.0.0.1]
main smtpd_forbid_bare_newline = reject
---
S: 220 mx.example.org ESMTP Postfix
C> HELO x\n
S: 250 mx.example.org
