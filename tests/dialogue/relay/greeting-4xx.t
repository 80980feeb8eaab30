---
S: 421 4.3.2 busy
F: soft 4.3.2 host mx.example[192.0.2.1] refused to talk to me: 421 4.3.2 busy
