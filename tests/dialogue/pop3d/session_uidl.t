# RFC 1939 7: UIDL.
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
C: UIDL
S: +OK
S: 1 id-1
S: 2 id-2
S: 3 id-3
S: .
C: UIDL 2
S: +OK 2 id-2
C: UIDL 7
S: -ERR There is no such message
