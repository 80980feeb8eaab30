# RFC 2033: LHLO, and a reply per accepted recipient after the dot.
lmtp
recipient a@there.example
recipient b@there.example
recipient c@there.example
---
S: 220 ready
C: LHLO client.example
S: 250-ready
S: 250-PIPELINING
S: 250 ENHANCEDSTATUSCODES
!begin
C: MAIL FROM:<sender@here.example>
C: RCPT TO:<a@there.example>
C: RCPT TO:<b@there.example>
C: RCPT TO:<c@there.example>
C: DATA
S: 250 2.1.0 ok
S: 250 2.1.5 ok
S: 550 5.1.1 b
S: 250 2.1.5 ok
S: 354 go
!content
S: 250 2.0.0 <a@there.example> saved
quiet
S: 452 4.2.2 <c@there.example> full
!ready
R: a@there.example sent 2.0.0 250 2.0.0 <a@there.example> saved
R: b@there.example hard 5.1.1 host mx.example[192.0.2.1] said: 550 5.1.1 b (in reply to RCPT TO command)
R: c@there.example soft 4.2.2 host mx.example[192.0.2.1] said: 452 4.2.2 <c@there.example> full (in reply to end of DATA command)
