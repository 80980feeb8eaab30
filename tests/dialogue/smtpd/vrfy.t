---
S: 220 mx.example.org ESMTP Postfix
C: VRFY
S: 501 5.5.4 Syntax: VRFY address
C: VRFY joe
S: 252 2.0.0 joe
C: VRFY <jane@example.org>
S: 252 2.0.0 <jane@example.org>
C: VRFY nobody@example.org
S: 550 5.1.1 <nobody@example.org>: Recipient address rejected: User unknown in local recipient table
L: NOQUEUE: reject: VRFY from client.example.net[192.0.2.7]: 550 5.1.1
C: VRFY them@elsewhere.example
S: 454 4.7.1 <them@elsewhere.example>: Relay access denied
