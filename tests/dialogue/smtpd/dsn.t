# RFC 3461: parsed, decoded and carried.
---
S: 220 mx.example.org ESMTP Postfix
C: HELO x
S: 250 mx.example.org
C: MAIL FROM:<a@b.example> RET=SOME
S: 501 5.5.4 Bad RET parameter syntax
C: MAIL FROM:<a@b.example> RET=HDRS RET=FULL
S: 501 5.5.4 Bad RET parameter syntax
C: MAIL FROM:<a@b.example> ENVID=a+2
S: 501 5.5.4 Bad ENVID parameter syntax
C: MAIL FROM:<a@b.example> RET=HDRS ENVID=QQ+2B314159
S: 250 2.1.0 Ok
C: RCPT TO:<joe@example.org> NOTIFY=NEVER,SUCCESS
S: 501 5.5.4 Error: Bad NOTIFY parameter syntax
C: RCPT TO:<joe@example.org> NOTIFY=
S: 501 5.5.4 Error: Bad NOTIFY parameter syntax
C: RCPT TO:<joe@example.org> ORCPT=joe@example.org
S: 501 5.5.4 Error: Bad ORCPT parameter syntax
C: RCPT TO:<joe@example.org> NOTIFY=SUCCESS,DELAY ORCPT=rfc822;j+2Boe@example.org
S: 250 2.1.5 Ok
C: RCPT TO:<jane@example.org> NOTIFY=NEVER
S: 250 2.1.5 Ok
C: DATA
S: 354 End data with <CR><LF>.<CR><LF>
C: .
S: 250 2.0.0 Ok: queued as QID1
M: from=<a@b.example> helo=x SMTP envid=QQ+314159 ret=hdrs to=<joe@example.org>/10/rfc822;j+oe@example.org to=<jane@example.org>/1
