client localhost[127.0.0.1]
main smtpd_recipient_restrictions = reject_non_fqdn_recipient, reject_unknown_recipient_domain
main unknown_address_reject_code = 550
---
S: 220 mx.example.org ESMTP Postfix
C: MAIL FROM:<>
S: 250 2.1.0 Ok
C: RCPT TO:<joe>
S: 504 5.5.2 <joe>: Recipient address rejected: need fully-qualified address
C: RCPT TO:<a@gone.invalid>
S: 550 5.1.2 <a@gone.invalid>: Recipient address rejected: Domain not found
C: RCPT TO:<a@nomail.example>
S: 556 5.1.10 <a@nomail.example>: Recipient address rejected: Domain nomail.example does not accept mail (nullMX)
C: RCPT TO:<a@good.example>
S: 250 2.1.5 Ok
