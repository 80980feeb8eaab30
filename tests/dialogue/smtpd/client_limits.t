limited message auth
main smtpd_sasl_auth_enable = yes
mechs PLAIN
---
S: 220 mx.example.org ESMTP Postfix
C: MAIL FROM:<a@b.example>
S: 450 4.7.1 Error: too much mail from 192.0.2.7
L: warning: Message delivery request rate limit exceeded: 9 from client.example.net[192.0.2.7] for service
C: AUTH PLAIN
S: 450 4.7.1 Error: too many AUTH commands from 192.0.2.7
