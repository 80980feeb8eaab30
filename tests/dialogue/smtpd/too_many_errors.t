main smtpd_error_sleep_time = 2s
main smtpd_soft_error_limit = 2
main smtpd_hard_error_limit = 4
---
S: 220 mx.example.org ESMTP Postfix
C: FOO
S: 500 5.5.2 Error: command not recognized
C: FOO
S: 500 5.5.2 Error: command not recognized
C: FOO
S: 500 5.5.2 Error: command not recognized
L: pause 2000
C: FOO
S: 500 5.5.2 Error: command not recognized
S: 421 4.7.0 mx.example.org Error: too many errors
L: NOQUEUE: too many errors after UNKNOWN from client.example.net[192.0.2.7]
E:
