# Nobody is accepted: no DATA, and RSET before the next message.
recipient a@there.example
---
S: 220 mx.example
C: EHLO client.example
S: 250 mx.example
!begin
C: MAIL FROM:<sender@here.example>
S: 250 ok
C: RCPT TO:<a@there.example>
S: 554 5.7.1 relay access denied
quiet
!ready
R: a@there.example hard 5.7.1 host mx.example[192.0.2.1] said: 554 5.7.1 relay access denied (in reply to RCPT TO command)
!begin
C: RSET
S: 250 ok
C: MAIL FROM:<sender@here.example>
S: 553 5.1.8 sender
quiet
!ready
R: a@there.example hard 5.1.8 host mx.example[192.0.2.1] said: 553 5.1.8 sender (in reply to MAIL FROM command)
