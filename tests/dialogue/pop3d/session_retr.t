# RFC 1939 3: dots are doubled, and do not count.
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
C: RETR 1
S: +OK 43 octets
S: Subject: one
S:
S: first line
S: ..
S: ...two dots
S: .
C: RETR 3
S: +OK 18 octets
S: Subject: three
S:
S: .
C: RETR
S: -ERR A message number is wanted
C: RETR 1 2
S: -ERR A message number is wanted
C: RETR 9
S: -ERR There is no such message
