main receive_override_options = no_unknown_recipient_checks
---
S: 220 mx.example.org ESMTP Postfix
C: MAIL FROM:<a@b.example>
S: 250 2.1.0 Ok
C: RCPT TO:<nobody@example.org>
S: 250 2.1.5 Ok
