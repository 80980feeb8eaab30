"""Messages that can be recognised, and told from damaged ones, wherever they turn up."""
import hashlib
import os
import re


def make(tag, size):
    """A message of about `size` bytes, lines ended by LF, whose Subject is `tag`."""
    text = os.urandom(size // 2 + 1).hex()
    body = "\n".join([text[i:i + 70] for i in range(0, len(text), 70)] + ["end of " + tag])
    return "Subject: %s\nX-Check: %d %s\n\n%s\n" % (tag, len(body), hashlib.sha256(body.encode()).hexdigest(), body)


def check(raw):
    """(its tag, or None where there is none to be found; whether it is whole)."""
    head, _, body = raw.replace(b"\r\n", b"\n").partition(b"\n\n")
    tag = re.search(rb"^Subject: (\S+)$", head, re.M)
    told = re.search(rb"^X-Check: (\d+) (\w+)$", head, re.M)
    body = body.rstrip(b"\n")
    whole = tag and told and int(told.group(1)) == len(body) and told.group(2).decode() == hashlib.sha256(body).hexdigest()
    return tag.group(1).decode("latin-1") if tag else None, bool(whole)


def split_mbox(raw):
    """[(where it ends, message)]: no line of make() begins with From and a blank."""
    starts = [m.start() for m in re.finditer(rb"^From ", raw, re.M)]
    if raw and starts[:1] != [0]:
        starts.insert(0, 0)
    return [(end, raw[start:end]) for start, end in zip(starts, starts[1:] + [len(raw)])]


def addresses(commands):
    """What RCPT commands named."""
    return [re.search(r"<(.*)>", line).group(1) for line in commands]
