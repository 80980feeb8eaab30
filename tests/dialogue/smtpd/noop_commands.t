main smtpd_noop_commands = ping, pong
---
S: 220 mx.example.org ESMTP Postfix
C: PING me
S: 250 2.0.0 Ok
