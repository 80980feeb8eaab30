# The stock submission service.
tls
mechs PLAIN
main smtpd_tls_security_level = encrypt
main smtpd_sasl_auth_enable = yes
main smtpd_tls_auth_only = yes
main smtpd_reject_unlisted_recipient = no
main smtpd_client_restrictions = $mua_client_restrictions
main smtpd_helo_restrictions = $mua_helo_restrictions
main smtpd_sender_restrictions = $mua_sender_restrictions
main smtpd_recipient_restrictions =
main smtpd_relay_restrictions = permit_sasl_authenticated,reject
main mua_client_restrictions = permit_sasl_authenticated, reject
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
C: STARTTLS
S: 220 2.0.0 Ready to start TLS
!tls
C: MAIL FROM:<joe@example.org>
S: 250 2.1.0 Ok
C: RCPT TO:<joe@example.org>
S: 554 5.7.1 <client.example.net[192.0.2.7]>: Client host rejected: Access denied
C: RSET
S: 250 2.0.0 Ok
C: AUTH PLAIN AGpvZQBzZWNyZXQ=
S: 235 2.7.0 Authentication successful
C: MAIL FROM:<joe@example.org>
S: 250 2.1.0 Ok
C: RCPT TO:<them@elsewhere.example>
S: 250 2.1.5 Ok
