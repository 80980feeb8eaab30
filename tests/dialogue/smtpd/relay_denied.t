# The default relay list defers.
---
S: 220 mx.example.org ESMTP Postfix
C: EHLO x.example
S: 250-mx.example.org
S: 250-PIPELINING
S: 250-SIZE 10240000
S: 250-VRFY
S: 250-ENHANCEDSTATUSCODES
S: 250-8BITMIME
S: 250 DSN
C: MAIL FROM:<a@b.example>
S: 250 2.1.0 Ok
C: RCPT TO:<them@elsewhere.example>
S: 454 4.7.1 <them@elsewhere.example>: Relay access denied
L: NOQUEUE: reject: RCPT from client.example.net[192.0.2.7]: 454 4.7.1 <them@elsewhere.example>: Relay access denied; from=<a@b.example> to=<them@elsewhere.example> proto=ESMTP helo=<x.example>
C: DATA
S: 554 5.5.1 Error: no valid recipients
