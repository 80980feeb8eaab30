main smtpd_recipient_restrictions = permit_mynetwork, permit
---
S: 220 mx.example.org ESMTP Postfix
C: MAIL FROM:<>
S: 250 2.1.0 Ok
C: RCPT TO:<joe@example.org>
S: 451 4.3.5 Server configuration error
L: warning: unknown smtpd restriction: "permit_mynetwork"
L: reject: RCPT from client.example.net[192.0.2.7]: 451 4.3.5 Server configuration error;
