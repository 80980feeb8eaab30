# A message that cannot be read is never said to be whole.
recipient a@there.example
---
S: 220 hi
C: EHLO client.example
S: 250 mx
!begin
C: MAIL FROM:<sender@here.example>
S: 250 ok
C: RCPT TO:<a@there.example>
S: 250 ok
C: DATA
S: 354 go
!broken
F: soft 4.3.0 unable to read the message from the queue
quiet
