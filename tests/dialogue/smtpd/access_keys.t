# Address, extension, domain, parent domain, user@; null sender.
main recipient_delimiter = +
main smtpd_sender_restrictions = check_sender_access inline:{{full@a.example = REJECT 1}, {base@a.example = REJECT 2}, {b.example = REJECT 3}, {who@ = REJECT 4}, {<> = REJECT 5}}
---
S: 220 mx.example.org ESMTP Postfix
C: MAIL FROM:<full@a.example>
S: 250 2.1.0 Ok
C: RCPT TO:<joe@example.org>
S: 554 5.7.1 <full@a.example>: Sender address rejected: 1
C: RSET
S: 250 2.0.0 Ok
C: MAIL FROM:<base+ext@A.example>
S: 250 2.1.0 Ok
C: RCPT TO:<joe@example.org>
S: 554 5.7.1 <base+ext@A.example>: Sender address rejected: 2
C: RSET
S: 250 2.0.0 Ok
C: MAIL FROM:<x@sub.b.example>
S: 250 2.1.0 Ok
C: RCPT TO:<joe@example.org>
S: 554 5.7.1 <x@sub.b.example>: Sender address rejected: 3
C: RSET
S: 250 2.0.0 Ok
C: MAIL FROM:<who@c.example>
S: 250 2.1.0 Ok
C: RCPT TO:<joe@example.org>
S: 554 5.7.1 <who@c.example>: Sender address rejected: 4
C: RSET
S: 250 2.0.0 Ok
C: MAIL FROM:<>
S: 250 2.1.0 Ok
C: RCPT TO:<joe@example.org>
S: 554 5.7.1 <>: Sender address rejected: 5
