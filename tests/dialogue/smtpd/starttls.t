tls
main smtpd_tls_security_level = may
main smtpd_sasl_auth_enable = yes
main smtpd_tls_auth_only = yes
mechs PLAIN LOGIN
---
S: 220 mx.example.org ESMTP Postfix
C: EHLO x
S: 250-mx.example.org
S: 250-PIPELINING
S: 250-SIZE 10240000
S: 250-VRFY
S: 250-STARTTLS
S: 250-ENHANCEDSTATUSCODES
S: 250-8BITMIME
S: 250 DSN
C: AUTH PLAIN AGpvZQBzZWNyZXQ=
S: 503 5.5.1 Error: authentication not enabled
C: STARTTLS now
S: 501 5.5.4 Syntax: STARTTLS
C: STARTTLS
S: 220 2.0.0 Ready to start TLS
!tls
C: EHLO x
S: 250-mx.example.org
S: 250-PIPELINING
S: 250-SIZE 10240000
S: 250-VRFY
S: 250-AUTH PLAIN LOGIN
S: 250-ENHANCEDSTATUSCODES
S: 250-8BITMIME
S: 250 DSN
C: STARTTLS
S: 554 5.5.1 Error: TLS already active
C: AUTH PLAIN AGpvZQBzZWNyZXQ=
S: 235 2.7.0 Authentication successful
C: MAIL FROM:<a@b.example>
S: 250 2.1.0 Ok
C: RCPT TO:<them@elsewhere.example>
S: 250 2.1.5 Ok
L: QID1: client=client.example.net[192.0.2.7], sasl_method=PLAIN, sasl_username=joe
C: DATA
S: 354 End data with <CR><LF>.<CR><LF>
C: .
S: 250 2.0.0 Ok: queued as QID1
M: from=<a@b.example> helo=x ESMTP tls=TLSv1.3 login=joe to=<them@elsewhere.example>
