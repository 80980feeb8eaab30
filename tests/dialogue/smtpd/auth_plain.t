main smtpd_sasl_auth_enable = yes
main broken_sasl_auth_clients = yes
main smtpd_sasl_security_options = noanonymous
mechs PLAIN LOGIN ANONYMOUS EXTERNAL
---
S: 220 mx.example.org ESMTP Postfix
C: EHLO x
S: 250-mx.example.org
S: 250-PIPELINING
S: 250-SIZE 10240000
S: 250-VRFY
S: 250-AUTH PLAIN LOGIN
S: 250-AUTH=PLAIN LOGIN
S: 250-ENHANCEDSTATUSCODES
S: 250-8BITMIME
S: 250 DSN
C: AUTH
S: 501 5.5.4 Syntax: AUTH mechanism
C: AUTH PLAIN a b
S: 501 5.5.4 Syntax: AUTH mechanism
C: AUTH CRAM-MD5
S: 535 5.7.8 Error: authentication failed: Invalid authentication mechanism
C: AUTH ANONYMOUS
S: 535 5.7.8 Error: authentication failed: Invalid authentication mechanism
C: AUTH PLAIN
S: 334 
C: AGpvZQB3cm9uZw==
S: 535 5.7.8 Error: authentication failed: bad password
L: warning: client.example.net[192.0.2.7]: SASL PLAIN authentication failed: bad password, sasl_username=joe
C: AUTH PLAIN =
S: 535 5.7.8 Error: authentication failed: (reason unavailable)
C: AUTH PLAIN bGF0ZXI=
S: 454 4.7.0 Temporary authentication failure: Connection lost to authentication server
L: warning: client.example.net[192.0.2.7]: SASL PLAIN authentication failed: Connection lost to authentication server, sasl_username=(unavailable)
C: AUTH PLAIN
S: 334 
C: *
S: 501 5.7.0 Authentication aborted
C: AUTH plain
S: 334 
C: AGpvZQBzZWNyZXQ=
S: 235 2.7.0 Authentication successful
C: AUTH PLAIN AGpvZQBzZWNyZXQ=
S: 503 5.5.1 Error: already authenticated
C: MAIL FROM:<a@b.example> AUTH=joe+40example.org
S: 250 2.1.0 Ok
C: AUTH PLAIN AGpvZQBzZWNyZXQ=
S: 503 5.5.1 Error: MAIL transaction in progress
C: RCPT TO:<them@elsewhere.example>
S: 250 2.1.5 Ok
L: sasl_method=plain, sasl_username=joe, sasl_sender=joe@example.org
C: DATA
S: 354 End data with <CR><LF>.<CR><LF>
C: .
S: 250 2.0.0 Ok: queued as QID1
M: from=<a@b.example> helo=x ESMTP login=joe auth=joe@example.org to=<them@elsewhere.example>
