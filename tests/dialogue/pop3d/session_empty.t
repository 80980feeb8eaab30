# No mail at all.
engine session
---
S: +OK Logged in, 0 messages
C: STAT
S: +OK 0 0
C: LIST
S: +OK 0 messages (0 octets)
S: .
C: UIDL
S: +OK
S: .
C: RETR 1
S: -ERR There is no such message
C: NOOP
S: +OK
C: QUIT
S: +OK Bye
E:
