recipient a@there.example
size 2000
---
S: 220 hi
C: EHLO client.example
S: 250-mx
S: 250 SIZE 1999
!begin
quiet
!ready
R: a@there.example hard 5.3.4 message size 2000 exceeds size limit 1999 of server mx.example[192.0.2.1]
