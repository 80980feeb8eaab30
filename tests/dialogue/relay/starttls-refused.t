tls may
recipient a@there.example
---
S: 220 hi
C: EHLO client.example
S: 250-mx
S: 250 STARTTLS
C: STARTTLS
S: 454 4.7.0 no
!begin
C: MAIL FROM:<sender@here.example>
