main disable_vrfy_command = yes
---
S: 220 mx.example.org ESMTP Postfix
C: EHLO x
S: 250-mx.example.org
S: 250-PIPELINING
S: 250-SIZE 10240000
S: 250-ENHANCEDSTATUSCODES
S: 250-8BITMIME
S: 250 DSN
C: VRFY joe
S: 502 5.5.1 VRFY command is disabled
