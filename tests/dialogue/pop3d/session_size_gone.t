# A message that is gone has no octets; one that cannot be read is an error.
engine session
fail size 1 2
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
C: STAT
S: +OK 3 58
C: LIST 1
S: +OK 1 0
