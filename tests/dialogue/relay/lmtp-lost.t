# The connection is lost between the replies: what was said counts.
lmtp
recipient a@there.example
recipient b@there.example
---
S: 220 ready
C: LHLO client.example
S: 250 ready
!begin
C: MAIL FROM:<sender@here.example>
S: 250 ok
C: RCPT TO:<a@there.example>
S: 250 ok
C: RCPT TO:<b@there.example>
S: 250 ok
C: DATA
S: 354 go
!content
S: 250 2.0.0 saved
!lost
R: a@there.example sent 2.0.0 250 2.0.0 saved
R: b@there.example open
F: soft 4.4.2 lost connection with mx.example[192.0.2.1] while sending end of data -- message may be sent more than once
