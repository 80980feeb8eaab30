---
!lost
F: soft 4.4.2 lost connection with mx.example[192.0.2.1] while receiving the initial server greeting
