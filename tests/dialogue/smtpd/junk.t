main smtpd_junk_command_limit = 2
main smtpd_hard_error_limit = 2
---
S: 220 mx.example.org ESMTP Postfix
C: NOOP
S: 250 2.0.0 Ok
C: RSET
S: 250 2.0.0 Ok
C: NOOP
S: 250 2.0.0 Ok
C: NOOP
S: 250 2.0.0 Ok
C: NOOP
S: 250 2.0.0 Ok
S: 421 4.7.0 mx.example.org Error: too many errors
E:
