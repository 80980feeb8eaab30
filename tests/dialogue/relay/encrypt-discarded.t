tls may
discard starttls, pipelining
recipient a@there.example
---
S: 220 hi
C: EHLO client.example
S: 250-mx
S: 250-PIPELINING
S: 250 STARTTLS
!begin
C: MAIL FROM:<sender@here.example>
quiet
