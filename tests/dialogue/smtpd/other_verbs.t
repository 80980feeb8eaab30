---
S: 220 mx.example.org ESMTP Postfix
C: NOOP
S: 250 2.0.0 Ok
C: NOOP with words
S: 250 2.0.0 Ok
C: HELP
S: 214 2.0.0 Commands: AUTH DATA EHLO ETRN HELO HELP MAIL NOOP QUIT RCPT RSET STARTTLS VRFY
C: EXPN staff
S: 500 5.5.2 Error: command not recognized
C: TURN
S: 500 5.5.2 Error: command not recognized
C: XCLIENT NAME=x
S: 550 5.7.0 Error: insufficient authorization
C: XFORWARD NAME=x
S: 550 5.7.0 Error: insufficient authorization
C: STARTTLS
S: 502 5.5.1 Error: command not implemented
C: AUTH PLAIN
S: 503 5.5.1 Error: authentication not enabled
C: ETRN example.org
S: 459 <example.org>: service unavailable
C: ETRN
S: 500 Syntax: ETRN domain
C: ETRN a..b
S: 501 Error: invalid parameter syntax
C:
S: 500 5.5.2 Error: bad syntax
C: BDAT 10 LAST
S: 521 5.5.1 Error: command not implemented
E:
