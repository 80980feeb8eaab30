main smtpd_relay_restrictions = permit_mynetworks, reject_unauth_destination
relay relayed.example
---
S: 220 mx.example.org ESMTP Postfix
C: HELO x
S: 250 mx.example.org
C: MAIL FROM:<a@b.example>
S: 250 2.1.0 Ok
C: RCPT TO:<them@elsewhere.example>
S: 554 5.7.1 <them@elsewhere.example>: Relay access denied
C: RCPT TO:<them%elsewhere.example@example.org>
S: 554 5.7.1 <them%elsewhere.example@example.org>: Relay access denied
C: RCPT TO:<"them@elsewhere.example"@example.org>
S: 554 5.7.1 <them@elsewhere.example@example.org>: Relay access denied
C: RCPT TO:<anybody@relayed.example>
S: 250 2.1.5 Ok
C: RCPT TO:<x@later.example>
S: 451 4.3.0 <x@later.example>: Temporary lookup failure
