client localhost[127.0.0.1]
---
S: 220 mx.example.org ESMTP Postfix
C: HELO x
S: 250 mx.example.org
C: MAIL FROM:<joe@example.org>
S: 250 2.1.0 Ok
C: RCPT TO:<them@elsewhere.example>
S: 250 2.1.5 Ok
