client unknown[192.0.2.9]
listed 9.2.0.192.bl.example 127.0.0.4 see https://bl.example/192.0.2.9
listed bad.example.dbl.example 127.0.1.2
main smtpd_recipient_restrictions = reject_rbl_client bl.example=127.0.0.[5..7], reject_rhsbl_sender dbl.example, permit_dnswl_client wl.example, reject_rbl_client bl.example=127.0.0.[2;4]
---
S: 220 mx.example.org ESMTP Postfix
C: MAIL FROM:<a@bad.example>
S: 250 2.1.0 Ok
C: RCPT TO:<joe@example.org>
S: 554 5.7.1 Service unavailable; Sender address [a@bad.example] blocked using dbl.example
C: RSET
S: 250 2.0.0 Ok
C: MAIL FROM:<a@good.example>
S: 250 2.1.0 Ok
C: RCPT TO:<joe@example.org>
S: 554 5.7.1 Service unavailable; Client host [192.0.2.9] blocked using bl.example; see https://bl.example/192.0.2.9
L: NOQUEUE: reject: RCPT from unknown[192.0.2.9]: 554 5.7.1 Service unavailable; Client host [192.0.2.9] blocked using bl.example; see https://bl.example/192.0.2.9; from=<a@good.example> to=<joe@example.org>
