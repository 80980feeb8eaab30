# The client list runs at RCPT; the log names the stage.
main smtpd_client_restrictions = check_client_access inline:{{192.0.2.7 = REJECT go_away}}
---
S: 220 mx.example.org ESMTP Postfix
C: EHLO x
S: 250-mx.example.org
S: 250-PIPELINING
S: 250-SIZE 10240000
S: 250-VRFY
S: 250-ENHANCEDSTATUSCODES
S: 250-8BITMIME
S: 250 DSN
C: MAIL FROM:<a@b.example>
S: 250 2.1.0 Ok
C: RCPT TO:<joe@example.org>
S: 554 5.7.1 <client.example.net[192.0.2.7]>: Client host rejected: go_away
L: NOQUEUE: reject: RCPT from client.example.net[192.0.2.7]: 554 5.7.1 <client.example.net[192.0.2.7]>: Client host rejected: go_away; from=<a@b.example> to=<joe@example.org> proto=ESMTP helo=<x>
