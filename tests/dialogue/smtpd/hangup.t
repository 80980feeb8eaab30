# HANGUP ends the session without a word.
main smtpd_sender_restrictions = inline:{a@b.example=HANGUP}
---
S: 220 mx.example.org ESMTP Postfix
C: MAIL FROM:<a@b.example>
S: 250 2.1.0 Ok
C: RCPT TO:<joe@example.org>
L: NOQUEUE: hangup: RCPT from client.example.net[192.0.2.7]: <a@b.example>: Sender address triggers HANGUP action;
E:
