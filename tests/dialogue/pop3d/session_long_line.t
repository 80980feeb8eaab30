# A command of any length.
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
C> \*\*\*\r\nNOOP\r\n
S: -ERR The command is too long
S: +OK
