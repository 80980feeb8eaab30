# HOLD, FILTER, REDIRECT, PREPEND, BCC, WARN, INFO are for the whole message.
main smtpd_sender_restrictions = inline:{a@b.example=HOLD}
main smtpd_recipient_restrictions = inline:{{joe@example.org = FILTER smtp:[127.0.0.1]:10025}}, inline:{{joe@example.org = REDIRECT x@y.example}}, inline:{{joe@example.org = PREPEND X-Seen: yes}}, inline:{{joe@example.org = BCC c@d.example}}, inline:{{joe@example.org = WARN look}}, inline:{joe@example.org=INFO}
---
S: 220 mx.example.org ESMTP Postfix
C: HELO x
S: 250 mx.example.org
C: MAIL FROM:<a@b.example>
S: 250 2.1.0 Ok
C: RCPT TO:<joe@example.org>
S: 250 2.1.5 Ok
L: NOQUEUE: hold: RCPT from client.example.net[192.0.2.7]: <a@b.example>: Sender address triggers HOLD action; from=<a@b.example> to=<joe@example.org> proto=SMTP helo=<x>
L: NOQUEUE: filter: RCPT from client.example.net[192.0.2.7]: <joe@example.org>: Recipient address triggers FILTER smtp:[127.0.0.1]:10025;
L: NOQUEUE: redirect: RCPT from client.example.net[192.0.2.7]: <joe@example.org>: Recipient address triggers REDIRECT x@y.example;
L: NOQUEUE: prepend: RCPT from
L: NOQUEUE: bcc: RCPT from client.example.net[192.0.2.7]: <joe@example.org>: Recipient address triggers BCC c@d.example;
L: NOQUEUE: warn: RCPT from client.example.net[192.0.2.7]: <joe@example.org>: Recipient address look;
L: NOQUEUE: info: RCPT from client.example.net[192.0.2.7]: <joe@example.org>: Recipient address triggers INFO action;
C: DATA
S: 354 End data with <CR><LF>.<CR><LF>
C: .
S: 250 2.0.0 Ok: queued as QID1
M: from=<a@b.example> helo=x SMTP to=<joe@example.org> hold filter=smtp:[127.0.0.1]:10025 redirect=x@y.example prepend=X-Seen: yes bcc=c@d.example
# The next message has none of it.
C: MAIL FROM:<z@b.example>
S: 250 2.1.0 Ok
C: RCPT TO:<jane@example.org>
S: 250 2.1.5 Ok
C: DATA
S: 354 End data with <CR><LF>.<CR><LF>
C: .
S: 250 2.0.0 Ok: queued as QID2
M: from=<z@b.example> helo=x SMTP to=<jane@example.org>
