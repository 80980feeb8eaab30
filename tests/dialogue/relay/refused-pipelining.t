# All are refused while DATA is under way: a lone dot where the server still
# says 354, and no verdict changes.
recipient a@there.example
recipient b@there.example
---
S: 220 mx.example
C: EHLO client.example
S: 250-mx.example
S: 250 PIPELINING
!begin
C: MAIL FROM:<sender@here.example>
C: RCPT TO:<a@there.example>
C: RCPT TO:<b@there.example>
C: DATA
S: 250 ok
S: 550 5.1.1 a
S: 450 b
S: 354 go
C: .
S: 250 nothing
!ready
R: a@there.example hard 5.1.1 host mx.example[192.0.2.1] said: 550 5.1.1 a (in reply to RCPT TO command)
R: b@there.example soft 4.0.0 host mx.example[192.0.2.1] said: 450 b (in reply to RCPT TO command)
# MAIL is refused: what the server says to RCPT and DATA does not matter.
!begin
C: MAIL FROM:<sender@here.example>
C: RCPT TO:<a@there.example>
C: RCPT TO:<b@there.example>
C: DATA
S: 451 4.7.1 greylisted
S: 503 5.5.1 need MAIL
S: 503 5.5.1 need MAIL
S: 503 5.5.1 need RCPT
!ready
R: a@there.example soft 4.7.1 host mx.example[192.0.2.1] said: 451 4.7.1 greylisted (in reply to MAIL FROM command)
# DATA is refused.
!begin
C: MAIL FROM:<sender@here.example>
C: RCPT TO:<a@there.example>
C: RCPT TO:<b@there.example>
C: DATA
S: 250 ok
S: 250 ok
S: 550 5.1.1 b
S: 554 5.3.2 no data
!ready
R: a@there.example hard 5.3.2 host mx.example[192.0.2.1] said: 554 5.3.2 no data (in reply to DATA command)
R: b@there.example hard 5.1.1 host mx.example[192.0.2.1] said: 550 5.1.1 b (in reply to RCPT TO command)
!begin
C: RSET
C: MAIL FROM:<sender@here.example>
C: RCPT TO:<a@there.example>
C: RCPT TO:<b@there.example>
C: DATA
S: 421 4.3.2 going down
F: soft 4.3.2 host mx.example[192.0.2.1] said: 421 4.3.2 going down (in reply to RSET command)
