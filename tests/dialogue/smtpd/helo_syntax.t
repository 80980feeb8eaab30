---
S: 220 mx.example.org ESMTP Postfix
C: HELO
S: 501 Syntax: HELO hostname
C: EHLO
S: 501 Syntax: EHLO hostname
C: helo x
S: 250 mx.example.org
