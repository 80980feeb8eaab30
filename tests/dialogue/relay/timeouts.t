recipient a@there.example
---
S: 220 hi
C: EHLO client.example
S: 250-mx
S: 250 PIPELINING
!begin
C: MAIL FROM:<sender@here.example>
C: RCPT TO:<a@there.example>
C: DATA
S: 250 ok
S: 250 ok
S: 354 go
!content
!timeout
F: soft 4.4.2 conversation with mx.example[192.0.2.1] timed out while sending end of data -- message may be sent more than once
R: a@there.example open
