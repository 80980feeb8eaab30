# Files that have CRLF already keep it; a last line without end gets one.
engine session
crlf
unfinished
message id
	Subject: x
	
	a
	b
---
S: +OK Logged in, 1 message
C: STAT
S: +OK 1 20
C: RETR 1
S: +OK 20 octets
S: Subject: x
S:
S: a
S: b
S: .
