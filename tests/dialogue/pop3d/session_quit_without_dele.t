# A failing disk is no matter where nothing is deleted.
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
C: QUIT
S: +OK Bye
E:
