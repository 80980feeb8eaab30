# RFC 1939 7: TOP.
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
C: TOP 2 0
S: +OK
S: Subject: two
S:
S: .
C: TOP 2 2
S: +OK
S: Subject: two
S:
S: line 1
S: line 2
S: .
C: TOP 2 99999999
S: +OK
S: Subject: two
S:
S: line 1
S: line 2
S: line 3
S: .
C: TOP 1 2
S: +OK
S: Subject: one
S:
S: first line
S: ..
S: .
C: TOP 1
S: -ERR A number of lines is wanted
C: TOP
S: -ERR A message number is wanted
C: TOP 1 x
S: -ERR A number of lines is wanted
C: TOP 1 -1
S: -ERR A number of lines is wanted
