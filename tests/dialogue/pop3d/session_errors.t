# The limit.
engine session
errors 3
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
C: X
S: -ERR Unknown command
C: RETR 8
S: -ERR There is no such message
C: DELE 1
S: +OK Message 1 will be deleted
C: Y
S: -ERR Too many errors
R:
E:
