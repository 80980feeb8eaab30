login me secret
recipient a@there.example
---
S: 220 hi
C: EHLO client.example
S: 250-mx
S: 250 AUTH LOGIN PLAIN
C: AUTH PLAIN AG1lAHNlY3JldA==
S: 235 2.7.0 welcome
!begin
C: MAIL FROM:<sender@here.example>
