recipient ü@there.example
utf8
---
S: 220 hi
C: EHLO client.example
S: 250 mx
!begin
!ready
R: ü@there.example hard 5.6.7 SMTPUTF8 is required, but was not offered by host mx.example[192.0.2.1]
