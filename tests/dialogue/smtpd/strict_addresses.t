main strict_rfc821_envelopes = yes
---
S: 220 mx.example.org ESMTP Postfix
C: HELO x
S: 250 mx.example.org
C: MAIL FROM: a@b.example
S: 501 5.1.7 Bad sender address syntax
C: MAIL FROM:<a@b.example>
S: 250 2.1.0 Ok
C: RCPT TO:joe@example.org
S: 501 5.1.3 Bad recipient address syntax
C: RCPT TO:<joe@example.org>
S: 250 2.1.5 Ok
