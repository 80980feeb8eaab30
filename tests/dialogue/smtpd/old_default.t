# compatibility_level 0 without any list relays for nobody.
main compatibility_level = 0
---
S: 220 mx.example.org ESMTP Postfix
C: MAIL FROM:<a@b.example>
S: 250 2.1.0 Ok
C: RCPT TO:<them@elsewhere.example>
S: 554 5.7.1 <them@elsewhere.example>: Relay access denied
C: RCPT TO:<joe@example.org>
S: 250 2.1.5 Ok
