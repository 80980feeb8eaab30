main smtpd_helo_restrictions = reject_invalid_helo_hostname, reject_non_fqdn_helo_hostname, reject_unknown_helo_hostname
---
S: 220 mx.example.org ESMTP Postfix
C: MAIL FROM:<>
S: 250 2.1.0 Ok
C: HELO under_score.example
S: 250 mx.example.org
C: MAIL FROM:<>
S: 250 2.1.0 Ok
C: RCPT TO:<joe@example.org>
S: 250 2.1.5 Ok
C: HELO -bad-
S: 250 mx.example.org
C: MAIL FROM:<>
S: 250 2.1.0 Ok
C: RCPT TO:<joe@example.org>
S: 501 5.5.2 <-bad->: Helo command rejected: Invalid name
C: HELO short
S: 250 mx.example.org
C: MAIL FROM:<>
S: 250 2.1.0 Ok
C: RCPT TO:<joe@example.org>
S: 504 5.5.2 <short>: Helo command rejected: need fully-qualified hostname
C: HELO no.invalid
S: 250 mx.example.org
C: MAIL FROM:<>
S: 250 2.1.0 Ok
C: RCPT TO:<joe@example.org>
S: 450 4.7.1 <no.invalid>: Helo command rejected: Host not found
C: HELO later.example
S: 250 mx.example.org
C: MAIL FROM:<>
S: 250 2.1.0 Ok
C: RCPT TO:<joe@example.org>
S: 450 4.7.1 <later.example>: Helo command rejected: Host not found
C: HELO [192.0.2.7]
S: 250 mx.example.org
C: MAIL FROM:<>
S: 250 2.1.0 Ok
C: RCPT TO:<joe@example.org>
S: 250 2.1.5 Ok
