# Another host may be friendlier.
---
S: 554-you
S: 554 are listed
F: soft 4.0.0 host mx.example[192.0.2.1] refused to talk to me: 554-you 554 are listed
