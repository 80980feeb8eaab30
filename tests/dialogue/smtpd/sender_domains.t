main smtpd_sender_restrictions = reject_non_fqdn_sender, reject_unknown_sender_domain
---
S: 220 mx.example.org ESMTP Postfix
C: MAIL FROM:<root>
S: 250 2.1.0 Ok
C: RCPT TO:<joe@example.org>
S: 504 5.5.2 <root>: Sender address rejected: need fully-qualified address
C: RSET
S: 250 2.0.0 Ok
C: MAIL FROM:<a@short>
S: 250 2.1.0 Ok
C: RCPT TO:<joe@example.org>
S: 504 5.5.2 <a@short>: Sender address rejected: need fully-qualified address
C: RSET
S: 250 2.0.0 Ok
C: MAIL FROM:<a@gone.invalid>
S: 250 2.1.0 Ok
C: RCPT TO:<joe@example.org>
S: 450 4.1.8 <a@gone.invalid>: Sender address rejected: Domain not found
C: RSET
S: 250 2.0.0 Ok
C: MAIL FROM:<a@nomail.example>
S: 250 2.1.0 Ok
C: RCPT TO:<joe@example.org>
S: 550 5.7.27 <a@nomail.example>: Sender address rejected: Domain nomail.example does not accept mail (nullMX)
C: RSET
S: 250 2.0.0 Ok
C: MAIL FROM:<>
S: 250 2.1.0 Ok
C: RCPT TO:<joe@example.org>
S: 250 2.1.5 Ok
