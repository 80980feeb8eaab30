---
S: SSH-2.0-OpenSSH_9
F: soft 4.0.0 host mx.example[192.0.2.1] sent a malformed reply: SSH-2.0-OpenSSH_9
