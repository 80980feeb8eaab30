# What came in the clear counts for nothing afterwards.
tls may
recipient a@there.example
---
S: 220 hi
C: EHLO client.example
S: 250-mx
S: 250-PIPELINING
S: 250 STARTTLS
C: STARTTLS
S> 220 go\r\n250 injected\r\n
!tls
C: EHLO client.example
S: 250 mx
!begin
C: MAIL FROM:<sender@here.example>
quiet
S: 250 ok
C: RCPT TO:<a@there.example>
