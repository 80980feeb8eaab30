# RFC 5321 4.5.1: bare postmaster gets through all lists.
main smtpd_client_restrictions = reject
---
S: 220 mx.example.org ESMTP Postfix
C: MAIL FROM:<a@b.example>
S: 250 2.1.0 Ok
C: RCPT TO:<postmaster@example.org>
S: 554 5.7.1 <client.example.net[192.0.2.7]>: Client host rejected: Access denied
C: RCPT TO:<Postmaster>
S: 250 2.1.5 Ok
