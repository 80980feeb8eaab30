recipient a+b@there.example orcpt=rfc822;a+b@there.example notify=6
ret 2
envid A=B
eightbit
---
S: 220 hi
C: EHLO client.example
S: 250-mx
S: 250-PIPELINING
S: 250-8bitmime
S: 250 DSN
!begin
C: MAIL FROM:<sender@here.example> BODY=8BITMIME RET=HDRS ENVID=A+3DB
C: RCPT TO:<a+b@there.example> NOTIFY=SUCCESS,FAILURE ORCPT=rfc822;a+2Bb@there.example
C: DATA
!lost
F: soft 4.4.2 lost connection with mx.example[192.0.2.1] while sending MAIL FROM
