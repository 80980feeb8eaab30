# RFC 2195's own example.
login tim tanstaaftanstaaf
forbid noplaintext
---
S: 220 hi
C: EHLO client.example
S: 250-mx
S: 250 AUTH PLAIN CRAM-MD5
C: AUTH CRAM-MD5
S: 334 PDE4OTYuNjk3MTcwOTUyQHBvc3RvZmZpY2UucmVzdG9uLm1jaS5uZXQ+
C: dGltIGI5MTNhNjAyYzdlZGE3YTQ5NWI0ZTZlNzMzNGQzODkw
S: 235 ok
!ready
