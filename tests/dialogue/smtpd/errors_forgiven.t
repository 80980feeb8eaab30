# A message that was taken clears the counts.
main smtpd_hard_error_limit = 3
---
S: 220 mx.example.org ESMTP Postfix
C: FOO
S: 500 5.5.2 Error: command not recognized
C: FOO
S: 500 5.5.2 Error: command not recognized
C: MAIL FROM:<a@b.example>
S: 250 2.1.0 Ok
C: RCPT TO:<joe@example.org>
S: 250 2.1.5 Ok
C: DATA
S: 354 End data with <CR><LF>.<CR><LF>
C: .
S: 250 2.0.0 Ok: queued as QID1
C: FOO
S: 500 5.5.2 Error: command not recognized
C: FOO
S: 500 5.5.2 Error: command not recognized
C: NOOP
S: 250 2.0.0 Ok
