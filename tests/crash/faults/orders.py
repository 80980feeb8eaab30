"""Orders for tests/crash/faults/inject.c, and messages that show whether they are whole."""
import ctypes
import mmap
import os
import re
import zlib

import harness

OPEN, CREATE, WRITE, SYNC, NAME, SPACE, FREE, LOCK, DUP, READ, STAT, MEMORY, SOCKET, TAKEN, FORK, LIST = (
    1 << bit for bit in range(16))
FILES = OPEN | CREATE | WRITE | SYNC | NAME | SPACE | FREE | LOCK | DUP | READ | STAT | LIST


class Control(ctypes.Structure):
    """struct control of inject.c."""
    _fields_ = [("armed", ctypes.c_uint32), ("families", ctypes.c_uint32), ("start", ctypes.c_uint32),
                ("times", ctypes.c_uint32), ("error", ctypes.c_int32), ("partial", ctypes.c_uint32),
                ("seen", ctypes.c_uint32), ("fired", ctypes.c_uint32), ("log_inode", ctypes.c_uint64),
                ("program", ctypes.c_char * 24), ("prefix", ctypes.c_char * 200), ("what", ctypes.c_char * 256)]


class Faults:
    """The orders of one instance; call before it starts."""

    def __init__(self, instance):
        library = harness.BUILD / "tests" / "inject.so"
        if not library.exists():
            library = harness.pathlib.Path(os.environ["MALOTE_BUILD"]) / "tests" / "inject.so"
        path = instance.folder / "faults"
        path.write_bytes(bytes(mmap.PAGESIZE))
        path.chmod(0o666)
        mine = instance.folder / "inject.so"
        mine.write_bytes(library.read_bytes())
        mine.chmod(0o755)
        # Where the programs have sanitizers, those are loaded after us and found all the same.
        options = instance.env["ASAN_OPTIONS"] + ":verify_asan_link_order=0"
        instance.set(import_environment="MAIL_CONFIG TZ LANG LC_ALL UBSAN_OPTIONS ASAN_OPTIONS=%s LD_PRELOAD=%s MALOTE_FAULTS=%s" % (
            options, mine, path))
        self.instance = instance
        with open(path, "r+b") as f:
            self.map = mmap.mmap(f.fileno(), mmap.PAGESIZE)
        self.control = Control.from_buffer(self.map)
        self.control.prefix = str(instance.folder).encode()

    def order(self, program, families, error, start=1, times=1, partial=False):
        c = self.control
        self.clear()
        log = self.instance.dir / "log" / "mail.log"
        c.log_inode = log.stat().st_ino if log.exists() else 0
        c.program, c.families, c.error = program.encode(), families, error
        c.start, c.times, c.partial, c.what = start, times, int(partial), b""
        c.seen = c.fired = 0
        c.armed = 1

    def clear(self):
        """No more faults; how many calls failed, and the first of them."""
        self.control.armed = 0
        return self.control.fired, self.control.what.decode("latin-1")


def message(tag, size):
    """A message whose end says whether it is whole."""
    body = "".join("%s line %06d %s\r\n" % (tag, n, "x" * 40) for n in range(max(1, size // 70)))
    return "Subject: %s\r\n\r\n%ssum %08x of %s\r\n" % (tag, body, zlib.crc32(body.replace("\r\n", "\n").encode()), tag)


def whole_tags(messages):
    """The tags of messages as they were delivered; one that is not whole fails the test."""
    tags = []
    for text in messages:
        text = text.replace(b"\r\n", b"\n")
        tag = re.search(rb"^Subject: (f\S+)$", text, re.M)
        assert tag, "not one of ours: %r" % text[:300]
        body = text.split(b"\n\n", 1)[1]
        end = re.search(rb"^sum ([0-9a-f]{8}) of %s$" % re.escape(tag[1]), body, re.M)
        assert end, "half a message: %s" % tag[1].decode()
        assert zlib.crc32(body[:end.start()]) == int(end[1], 16), "garbled: %s" % tag[1].decode()
        tags.append(tag[1].decode())
    return tags
