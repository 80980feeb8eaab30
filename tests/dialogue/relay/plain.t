# One command at a time, for servers without PIPELINING; HELO when EHLO is
# not known.
recipient a@there.example
recipient b@there.example
sender <>
eightbit
---
S: 220 mx.example
C: EHLO client.example
S: 502 what
C: HELO client.example
S: 250 mx.example
!begin
C: MAIL FROM:<>
quiet
S: 250 ok
C: RCPT TO:<a@there.example>
quiet
S: 250 ok
C: RCPT TO:<b@there.example>
S: 552 too many recipients
C: DATA
quiet
S: 354 go
!content
S: 250 fine
!ready
R: a@there.example sent 2.0.0 250 fine
R: b@there.example soft 4.0.0 host mx.example[192.0.2.1] said: 552 too many recipients (in reply to RCPT TO command)
