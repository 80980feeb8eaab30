main smtpd_relay_restrictions = reject_unauth_destination
main relay_domains_reject_code = 551
---
S: 220 mx.example.org ESMTP Postfix
C: MAIL FROM:<a@b.example>
S: 250 2.1.0 Ok
C: RCPT TO:<them@elsewhere.example>
S: 551 5.7.1 <them@elsewhere.example>: Relay access denied
