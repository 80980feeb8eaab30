# Another program has rewritten the mailbox, or taken a message away.
engine session
fail open 1 116
fail open 2 2
fail open 3 5
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
C: RETR 1
S: -ERR [SYS/TEMP] Another program has changed the mailbox, log in again
C: RETR 2
S: -ERR Another program has removed this message
C: TOP 3 0
S: -ERR [SYS/TEMP] This message cannot be read now
C: NOOP
S: +OK
