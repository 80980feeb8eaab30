# Many commands at once are answered in order.
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
C> STAT\r\nRETR 3\r\nDELE 3\r\nTOP 2 0\r\nSTAT\r\nQUIT\r\nNOOP\r\n
S: +OK 3 101
S: +OK 18 octets
S: Subject: three
S:
S: .
S: +OK Message 3 will be deleted
S: +OK
S: Subject: two
S:
S: .
S: +OK 2 83
S: +OK Bye
R: id-3
E:
