# CVE-2011-0411: what comes behind STARTTLS in the clear is forgotten.
whole
tls
main smtpd_tls_security_level = may
main smtpd_forbid_unauth_pipelining = no
---
S: 220 mx.example.org ESMTP Postfix
C: EHLO x
S: 250-mx.example.org
S: 250-PIPELINING
S: 250-SIZE 10240000
S: 250-VRFY
S: 250-STARTTLS
S: 250-ENHANCEDSTATUSCODES
S: 250-8BITMIME
S: 250 DSN
C> STARTTLS\r\nMAIL FROM:<evil@example.net>\r\nRCPT TO:<joe@example.org>\r\n
S: 220 2.0.0 Ready to start TLS
!tls
C: RCPT TO:<joe@example.org>
S: 503 5.5.1 Error: need MAIL command
