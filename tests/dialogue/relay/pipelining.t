# RFC 2920: MAIL, RCPT and DATA in one go; verdicts per recipient.
recipient a@there.example
recipient b@there.example
recipient c@there.example
---
quiet
S: 220 mx.example ESMTP
C: EHLO client.example
S: 250-mx.example
S: 250-PIPELINING
S: 250-SIZE 10240000
S: 250 8BITMIME
!begin
C: MAIL FROM:<sender@here.example> SIZE=1000
C: RCPT TO:<a@there.example>
C: RCPT TO:<b@there.example>
C: RCPT TO:<c@there.example>
C: DATA
S: 250 2.1.0 Ok
S: 250 2.1.5 Ok
S: 550-5.1.1 <b@there.example>: no
S: 550 5.1.1 such user
S: 450 4.2.0 later
S: 354 go
!content
S: 250 2.0.0 Ok: queued as ABC
!ready
R: a@there.example sent 2.0.0 250 2.0.0 Ok: queued as ABC
R: b@there.example hard 5.1.1 host mx.example[192.0.2.1] said: 550-5.1.1 <b@there.example>: no 550 5.1.1 such user (in reply to RCPT TO command)
R: c@there.example soft 4.2.0 host mx.example[192.0.2.1] said: 450 4.2.0 later (in reply to RCPT TO command)
# Once more on the same connection.
!begin
C: MAIL FROM:<sender@here.example> SIZE=1000
C: RCPT TO:<a@there.example>
C: RCPT TO:<b@there.example>
C: RCPT TO:<c@there.example>
C: DATA
S> 250 ok\r\n250 ok\r\n250 ok\r\n250 ok\r\n354 go\r\n
!content
S: 451 try later
!ready
R: c@there.example soft 4.0.0 host mx.example[192.0.2.1] said: 451 try later (in reply to end of DATA command)
