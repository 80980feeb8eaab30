# RFC 1939 5: STAT and LIST.
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
C: STAT
S: +OK 3 101
C: LIST
S: +OK 3 messages (101 octets)
S: 1 43
S: 2 40
S: 3 18
S: .
C: LIST 2
S: +OK 2 40
C: LIST 4
S: -ERR There is no such message
C: LIST 0
S: -ERR There is no such message
C: LIST x
S: -ERR A message number is wanted
C: LIST 99999999999999999999
S: -ERR A message number is wanted
