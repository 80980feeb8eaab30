---
S: 220 mx.example.org ESMTP Postfix
C: Subject: hello
S: 221 2.7.0 Error: I can break rules, too. Goodbye.
E:
