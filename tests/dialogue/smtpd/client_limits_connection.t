limited connection
---
S: 421 4.7.0 mx.example.org Error: too many connections from 192.0.2.7
L: warning: Connection concurrency limit exceeded: 9 from client.example.net[192.0.2.7] for service
E:
