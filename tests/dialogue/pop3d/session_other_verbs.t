# CAPA again; log-ins are over.
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
C: CAPA
S: +OK Capability list follows
S: TOP
S: UIDL
S: RESP-CODES
S: AUTH-RESP-CODE
S: PIPELINING
S: EXPIRE NEVER
S: .
C: USER ana
S: -ERR Unknown command
C: STLS
S: -ERR Unknown command
C: STAT 1
S: -ERR This command takes no arguments
C: QUIT now
S: -ERR This command takes no arguments
C: noop
S: +OK
