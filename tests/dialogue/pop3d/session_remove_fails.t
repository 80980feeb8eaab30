# RFC 1939 6: what could not be removed is told.
engine session
fail remove 0 5
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
C: QUIT
S: -ERR [SYS/TEMP] Some deleted messages are not removed
R:
E:
