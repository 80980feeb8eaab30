main smtpd_discard_ehlo_keyword_address_maps = inline:{192.0.2.7=pipelining}
---
S: 220 mx.example.org ESMTP Postfix
C: EHLO x
S: 250-mx.example.org
S: 250-SIZE 10240000
S: 250-VRFY
S: 250-ENHANCEDSTATUSCODES
S: 250-8BITMIME
S: 250 DSN
