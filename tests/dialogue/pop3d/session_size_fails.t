# No wrong sums.
engine session
fail size 2 5
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
S: -ERR [SYS/TEMP] This message cannot be read now
C: LIST
S: -ERR [SYS/TEMP] This message cannot be read now
C: LIST 1
S: +OK 1 43
