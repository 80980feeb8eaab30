main show_user_unknown_table_name = no
main unknown_local_recipient_reject_code = 450
---
S: 220 mx.example.org ESMTP Postfix
C: MAIL FROM:<a@b.example>
S: 250 2.1.0 Ok
C: RCPT TO:<nobody@example.org>
S: 450 4.1.1 <nobody@example.org>: Recipient address rejected: User unknown
