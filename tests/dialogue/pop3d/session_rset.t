# RFC 1939 5: RSET takes every DELE back.
engine session
message id-1
	Subject: one
	
	first line
	.
	..two dots
message id-2
	Subject: two
	
	line 1
	line 2
	line 3
message id-3
	Subject: three
	
---
S: +OK Logged in, 3 messages
C: DELE 1
S: +OK Message 1 will be deleted
C: DELE 3
S: +OK Message 3 will be deleted
C: RSET
S: +OK
C: STAT
S: +OK 3 101
C: DELE 3
S: +OK Message 3 will be deleted
C: quit
S: +OK Bye
R: id-3
E:
