# What could confuse a log line is made harmless.
---
S: 220 mx.example.org ESMTP Postfix
C: HELO a>b;c"d@e
S: 250 mx.example.org
C: MAIL FROM:<a@b.example>
S: 250 2.1.0 Ok
C: RCPT TO:<no@example.org>
S: 550 5.1.1 <no@example.org>: Recipient address rejected: User unknown in local recipient table
L: helo=<a?b?c?d?e>
