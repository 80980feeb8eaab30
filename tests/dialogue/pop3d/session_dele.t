# RFC 1939 5: deleted messages are out of sight; QUIT removes them.
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
C: DELE 2
S: +OK Message 2 will be deleted
C: DELE 2
S: -ERR This message is deleted
C: RETR 2
S: -ERR This message is deleted
C: TOP 2 0
S: -ERR This message is deleted
C: UIDL 2
S: -ERR This message is deleted
C: LIST 2
S: -ERR This message is deleted
C: STAT
S: +OK 2 61
C: LIST
S: +OK 2 messages (61 octets)
S: 1 43
S: 3 18
S: .
C: UIDL
S: +OK
S: 1 id-1
S: 3 id-3
S: .
R:
C: QUIT
S: +OK Bye
R: id-2
E:
