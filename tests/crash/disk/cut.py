"""cut.py WORK FILESYSTEM AT SEED: the second half of a power cut.

Runs in namespaces of its own (test_powercut.py makes them): mounts the disk as it may be when the power went at
record AT of WORK/log, starts the suite that lies on it, lets all mail go where it should, and prints as JSON what
became of the messages.
"""
import json
import os
import pathlib
import re
import sys
import time

from disk import mount, run
import harness  # found by way of disk
import messages

PATIENCE = 90  # seconds until what is not there counts as lost
SETTLED = 3  # seconds with an empty queue that make it certain


def attach(told):
    """The instance that load.py made."""
    instance = object.__new__(harness.Instance)
    instance.folder = pathlib.Path(told["folder"])
    instance.dir = instance.folder / "mail"
    instance.reports = instance.folder / "sanitizer"
    instance.ports, instance.single_uid, instance.running = told["ports"], False, False
    instance.env = dict(os.environ, MAIL_CONFIG=str(instance.dir), LC_ALL="C", TZ="UTC")
    instance.env["ASAN_OPTIONS"] = "detect_leaks=0:log_path=%s/asan" % instance.reports
    instance.env["UBSAN_OPTIONS"] = "print_stacktrace=1:log_path=%s/ubsan" % instance.reports
    return instance


def mbox_of(instance):
    """Without the zeros of an append of which only the size was written; the next append cuts them off."""
    box = instance.dir / "mail" / "rui.mbox"
    return box.read_bytes().rstrip(b"\0") if box.exists() else b""


def taken_by_fsck(instance, missing, cast_out, repaired):
    """What of the missing e2fsck took away, where the README says that it must be expected: bytes of an mbox that has grown
    since its size was written; files whose directory was being split, or has the inode of a file that was just removed,
    which are in lost+found or in a directory with a file's name."""
    box = instance.dir / "mail" / "rui.mbox"
    inode = box.stat().st_ino if box.exists() else 0
    cleared = re.search(r"^Inode %d, end of extent exceeds allowed value" % inode, repaired, re.M)
    broken = re.search(r"^(Directory inode \d+, block #\d+, offset \d+: directory corrupted|Problem in HTREE directory inode|"
                       r"Entry '[^']*' in \S+ \(\d+\) is a link to directory )", repaired, re.M)
    return {(tag, place) for tag, place in missing if (cleared and place == "rui") or (broken and tag in cast_out)}


class Found:
    """What lies in mailboxes and sinks now."""

    def __init__(self, instance, sinks, torn_at):
        self.seen = {}  # (tag, place): how often, whole
        self.garbled = []
        self.fragments = 0
        for place in ("ana", "eva"):
            for folder in ("new", "cur"):
                for path in (instance.dir / "mail" / place / folder).glob("*"):
                    self.take(place, path.read_bytes(), path.name)
        for end, message in messages.split_mbox(mbox_of(instance)):
            # What was being appended when the power went ends where the file ended then, and up to two line ends.
            if torn_at <= end <= torn_at + 2 and not messages.check(message)[1]:
                self.fragments += 1
            else:
                self.take("rui", message, "rui.mbox before %d" % end)
        for sink in sinks:
            for _, recipients, message in list(sink.messages):
                for place in messages.addresses(recipients):
                    self.take(place, message, place)

    def take(self, place, raw, where):
        tag, whole = messages.check(raw)
        if whole:
            self.seen[tag, place] = self.seen.get((tag, place), 0) + 1
        else:
            self.garbled.append("%s: %d bytes, %r" % (where, len(raw), raw[:200] + b"..." + raw[-200:]))


def owed_at(told, at):
    """{(tag, place)} that a power cut at this record may not take away."""
    owed = {(tag, place) for tag, m in told["owed"].items() for place in m["places"]
            if m["ack"] <= at and (m["deleted"] is None or m["deleted"] > at)}
    return owed - {(tag, place) for tag, places, when in told["sunk"] if when <= at for place in places}


def tags_in(folder):
    """The messages in what e2fsck found without a name; a journal's segment has many."""
    found = set()
    for path in folder.rglob("*") if folder.exists() else ():
        if path.is_file():
            found.update(tag.decode() for tag in re.findall(rb"^Subject: (\S+)\r?$", path.read_bytes(), re.M))
    return found


def drain(instance, look, owed):
    """Wait until all that is owed is there and the queue is empty; what is missing, what is left in the queue."""
    deadline = time.monotonic() + PATIENCE
    empty_since = None
    while True:
        queue = instance.queue()
        if any(m["queue_name"] == "hold" for m in queue):
            instance.run("postsuper", "-c", instance.dir, "-H", "ALL", check=False)
        missing = owed - set(look().seen)
        now = time.monotonic()
        if queue:
            empty_since = None
            instance.run("postqueue", "-c", instance.dir, "-f", check=False)
        else:
            empty_since = empty_since or now
            if not missing or now - empty_since > SETTLED:
                return missing, queue
        if now > deadline:
            return missing, queue
        time.sleep(0.1)


def tell(instance, left):
    """What may explain that messages are not where they should be: the log, what each process is at, and who has how many sessions."""
    lines = instance.log().splitlines()
    ids = [m["queue_id"] for m in left]
    about = [line for line in lines if any(i in line for i in ids) or re.search(r"warning|error|fatal|panic", line)]
    at = []
    for pid, command in instance.processes().items():
        try:
            threads = ["%s" % (task / "wchan").read_text() for task in pathlib.Path("/proc/%d/task" % pid).iterdir()]
            at.append("%d %s: %s" % (pid, command, " ".join(threads)))
        except OSError:
            continue
    at += instance.malote("status", check=False).stdout.splitlines()
    return "\n".join(about[-40:] + ["..."] + lines[-20:] + at)


def main():
    work, filesystem, at, seed = pathlib.Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
    told = json.loads((work / "load.json").read_text())
    run("ip", "link", "set", "lo", "up")
    begun = time.monotonic()
    words, repaired = mount(work, filesystem, at, seed)
    instance = attach(told)
    for report in instance.reports.iterdir():
        report.unlink()
    torn_at = len(mbox_of(instance))
    (instance.dir / "log" / "mail.log").write_text("")
    cast_out = tags_in(work / "mnt" / "lost+found")
    for folder in instance.spool.glob("*/*"):
        if folder.is_dir() and len(folder.name) > 2:  # longer than those of hashed queues
            cast_out |= tags_in(folder)
    sinks = [harness.Sink(port=told["sink"]), harness.Sink(port=told["dead"])]
    owed = owed_at(told, at)

    def look():
        return Found(instance, sinks, torn_at)
    before = set(look().seen)
    instance.start()
    missing, left = drain(instance, look, owed)
    by_fsck = taken_by_fsck(instance, missing, cast_out, repaired)
    missing -= by_fsck
    found = look()
    sunk = {(tag, place) for tag, places, when in told["sunk"] if when <= at for place in places}
    arrived = set(found.seen) - before
    again = sum(n - 1 for n in found.seen.values()) + len(sunk & arrived)
    gone = {tag for tag, m in told["owed"].items() if m["gone"] is not None and m["gone"] <= at}
    # The queue files whose damage was noticed: what was not acknowledged may be among them.
    corrupt = sum(len(names) for _, _, names in os.walk(instance.spool / "corrupt"))
    print(json.dumps({
        "at": at, "seed": seed, "words": words, "owed": len(owed), "acknowledged": sum(m["ack"] <= at for m in told["owed"].values()),
        "lost": sorted(map(list, missing)), "left": left[:5], "garbled": found.garbled, "fragments": found.fragments,
        "redone": len(owed - before), "duplicated": again, "undeleted": len({tag for tag, _ in arrived} & gone), "corrupt": corrupt,
        "by_fsck": len(by_fsck), "cast_out": len({tag for tag, _ in owed} & cast_out), "repaired": repaired if missing or left or found.garbled else "",
        "reports": [p.read_text(errors="replace")[:6000] for p in instance.reports.iterdir()],
        "log": tell(instance, left) if missing or left or found.garbled else "", "seconds": time.monotonic() - begun}))
    instance.stop()
    sys.stdout.flush()
    for sink in sinks:
        sink.close()


main()
