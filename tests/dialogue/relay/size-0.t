recipient a@there.example
---
S: 220 hi
C: EHLO client.example
S: 250-mx
S: 250-SIZE 0
S: 250 size nonsense
!begin
C: MAIL FROM:<sender@here.example> SIZE=1000
S: 250 ok
C: RCPT TO:<a@there.example>
