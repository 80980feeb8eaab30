lmtp
---
S: 220 ready
C: LHLO client.example
S: 500 what
F: soft 4.0.0 host mx.example[192.0.2.1] refused to talk to me: 500 what
