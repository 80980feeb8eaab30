hard_greeting
---
S: 554 5.7.1 listed
F: hard 5.7.1 host mx.example[192.0.2.1] refused to talk to me: 554 5.7.1 listed
