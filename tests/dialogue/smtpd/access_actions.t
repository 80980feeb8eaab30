# access(5): codes, statuses and texts of its own.
file access
	a@s.example	550 5.2.3 Not today
	b@s.example	421 Closed
	c@s.example	450 Not now
	j@s.example	450
	d@s.example	REJECT 4.2.1 odd class
	e@s.example	12345
	f@s.example	OK
	g@s.example	DUNNO
	h@s.example	DEFER wait
	i@s.example	REJECT 5.1.1 sender context
main smtpd_sender_restrictions = check_sender_access texthash:DIR/access, reject_unlisted_sender
---
S: 220 mx.example.org ESMTP Postfix
C: EHLO x
S: 250-mx.example.org
S: 250-PIPELINING
S: 250-SIZE 10240000
S: 250-VRFY
S: 250-ENHANCEDSTATUSCODES
S: 250-8BITMIME
S: 250 DSN
C: MAIL FROM:<a@s.example>
S: 250 2.1.0 Ok
C> RCPT TO:<joe@example.org>\r\nRSET\r\nMAIL FROM:<c@s.example>\r\n
S: 550 5.2.3 <a@s.example>: Sender address rejected: Not today
S: 250 2.0.0 Ok
S: 250 2.1.0 Ok
C> RCPT TO:<joe@example.org>\r\nRSET\r\nMAIL FROM:<d@s.example>\r\n
S: 450 4.7.1 <c@s.example>: Sender address rejected: Not now
S: 250 2.0.0 Ok
S: 250 2.1.0 Ok
C> RCPT TO:<joe@example.org>\r\nRSET\r\nMAIL FROM:<e@s.example>\r\n
S: 554 5.2.1 <d@s.example>: Sender address rejected: odd class
S: 250 2.0.0 Ok
S: 250 2.1.0 Ok
C> RCPT TO:<joe@example.org>\r\nRSET\r\nMAIL FROM:<f@s.example>\r\n
S: 250 2.1.5 Ok
S: 250 2.0.0 Ok
S: 250 2.1.0 Ok
C> RCPT TO:<joe@example.org>\r\nRSET\r\nMAIL FROM:<g@s.example>\r\n
S: 250 2.1.5 Ok
S: 250 2.0.0 Ok
S: 250 2.1.0 Ok
C> RCPT TO:<joe@example.org>\r\nRSET\r\nMAIL FROM:<h@s.example>\r\n
S: 250 2.1.5 Ok
S: 250 2.0.0 Ok
S: 250 2.1.0 Ok
C> RCPT TO:<joe@example.org>\r\nRSET\r\nMAIL FROM:<i@s.example>\r\n
S: 450 4.7.1 <h@s.example>: Sender address rejected: wait
S: 250 2.0.0 Ok
S: 250 2.1.0 Ok
C> RCPT TO:<joe@example.org>\r\nRSET\r\nMAIL FROM:<b@s.example>\r\n
S: 554 5.1.7 <i@s.example>: Sender address rejected: sender context
S: 250 2.0.0 Ok
S: 250 2.1.0 Ok
C: RCPT TO:<joe@example.org>
S: 421 4.7.1 <b@s.example>: Sender address rejected: Closed
E:
