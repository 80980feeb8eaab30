---
S: 220 mx.example.org ESMTP Postfix
C: MAIL FROM:<a@b.example>
S: 250 2.1.0 Ok
C: RCPT TO:<nobody@example.org>
S: 550 5.1.1 <nobody@example.org>: Recipient address rejected: User unknown in local recipient table
L: NOQUEUE: reject: RCPT from client.example.net[192.0.2.7]: 550 5.1.1 <nobody@example.org>: Recipient address rejected: User unknown in local recipient table; from=<a@b.example> to=<nobody@example.org> proto=SMTP
C: RCPT TO:<nobody@virtual.example>
S: 550 5.1.1 <nobody@virtual.example>: Recipient address rejected: User unknown in virtual alias table
C: RCPT TO:<later@example.org>
S: 451 4.3.0 <later@example.org>: Temporary lookup failure
C: RCPT TO:<joe@example.org>
S: 250 2.1.5 Ok
C: RCPT TO:<nobody@example.org>
S: 550 5.1.1 <nobody@example.org>: Recipient address rejected: User unknown in local recipient table
L: QID1: reject: RCPT from client.example.net[192.0.2.7]: 550
