main smtpd_sasl_auth_enable = yes
mechs LOGIN
---
S: 220 mx.example.org ESMTP Postfix
C: AUTH LOGIN
S: 334 VXNlcm5hbWU6
C: am9l
S: 334 UGFzc3dvcmQ6
C: d3Jvbmc=
S: 535 5.7.8 Error: authentication failed: (reason unavailable)
C: AUTH LOGIN
S: 334 VXNlcm5hbWU6
C: am9l
S: 334 UGFzc3dvcmQ6
C: c2VjcmV0
S: 235 2.7.0 Authentication successful
C: QUIT
S: 221 2.0.0 Bye
E:
