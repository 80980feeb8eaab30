"""A real disk that is full, read-only or out of quota: answers as Postfix gives them, nothing lost, and
all goes on by itself when there is room again."""
import os
import pathlib
import pwd
import re
import signal
import smtplib
import subprocess
import sys
import threading
import time

import pytest

import harness

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent / "faults"))

import orders  # noqa: E402

pytestmark = pytest.mark.skipif(not harness.IS_ROOT, reason="mounting takes root")


def call(*argv):
    done = subprocess.run([str(a) for a in argv], capture_output=True, text=True, timeout=60)
    if done.returncode != 0:
        raise harness.Trouble("%s: %s" % (" ".join(map(str, argv)), done.stderr.strip()))
    return done.stdout.strip()


@pytest.fixture
def disk(folder):
    """disk(kind, bytes, place): a file system of that size at `place`; `image`: the file that it lies in; `options`: for
    mkfs.  Ask for it before the instance, which then ends first."""
    mounted = []

    def make(kind, size, place, image=None, options=()):
        place.mkdir(parents=True, exist_ok=True)
        before = place.stat()
        try:
            if kind == "tmpfs":
                call("mount", "-t", "tmpfs", "-o", "size=%d" % size, "tmpfs", place)
            else:
                image = image or folder / ("%s-%d.img" % (kind, len(mounted)))
                with open(image, "wb") as f:
                    f.truncate(size)
                call("mkfs." + kind, "-q", *(["-F"] if kind == "ext4" else ["-f"]), *options, image)
                call("mount", "-o", "loop", image, place)
        except (harness.Trouble, OSError) as trouble:
            pytest.skip("no %s on a loop device here: %s" % (kind, trouble))
        mounted.append(place)
        os.chown(place, before.st_uid, before.st_gid)
        place.chmod(before.st_mode & 0o7777)
        return place
    yield make
    for place in reversed(mounted):
        if os.path.ismount(place):
            unmount(place)


def unmount(place):
    """The processes of an instance may need a moment to end, and those that have mounts of their own keep the file
    system in use, with all that it remembers, when it can be seen here no more."""
    device = os.stat(place).st_dev
    backing = pathlib.Path("/sys/dev/block/%d:%d/loop/backing_file" % (os.major(device), os.minor(device)))

    def file():
        try:
            return backing.read_text()
        except OSError:
            return None
    before = file()
    harness.wait_until("%s to be unmounted" % place,
                       lambda: subprocess.run(["umount", place], capture_output=True).returncode == 0, 20, 0.2)
    harness.wait_until("the disk of %s to be free" % place, lambda: before is None or file() != before, 20)


def repair_and_mount(image, place):
    repair = subprocess.run(["e2fsck", "-p", "-f", image], capture_output=True, text=True)
    assert repair.returncode in (0, 1), repair
    call("mount", "-o", "loop", image, place)


def fill(place):
    """Leave no byte free; returns the file that took them."""
    path = place / "filler"
    with open(path, "ab", buffering=0) as f:
        for piece in (1 << 20, 1 << 16, 4096, 512):
            try:
                while True:
                    f.write(b"x" * piece)
            except OSError:
                continue
    os.sync()
    return path


class Load:
    """Clients that send until they are stopped; every reply is kept."""
    sender = "eva@far.test"

    def __init__(self, instance, recipients, clients=3, size=20000):
        self.instance, self.recipients, self.size = instance, recipients, size
        self.acknowledged, self.refused, self.wrong = {}, [], []
        self.stop = threading.Event()
        self.lock = threading.Lock()
        self.threads = [threading.Thread(target=self.run, args=(n,)) for n in range(clients)]
        for thread in self.threads:
            thread.start()

    def run(self, client_number):
        number = 0
        while not self.stop.is_set():
            number += 1
            tag, to = "f%d-%d" % (client_number, number), self.recipients[number % len(self.recipients)]
            try:
                self.send(tag, to, orders.message(tag, self.size))
            except (OSError, smtplib.SMTPException) as error:
                self.wrong.append(repr(error))
            time.sleep(0.02)

    def send(self, tag, to, text):
        with smtplib.SMTP("127.0.0.1", self.instance.ports["smtp"], timeout=60) as client:
            try:
                client.sendmail(self.sender, [to], text)
                with self.lock:
                    self.acknowledged[tag] = to
            except (smtplib.SMTPSenderRefused, smtplib.SMTPDataError) as error:
                self.refuse(error.smtp_code, error.smtp_error)

    def refuse(self, code, text):
        with self.lock:
            self.refused.append("%d %s" % (code, text.decode()))

    def end(self):
        self.stop.set()
        for thread in self.threads:
            thread.join(60)


def workers(instance):
    return {pid for pid, line in instance.processes().items() if re.match(r"\S*(master|smtpd|qmgr|pickup)( |$)", line)}


def all_delivered(instance, load, sink):
    def missing():
        there = set(orders.whole_tags(instance.mailbox("ana") + [m[2] for m in sink.messages]))
        return set(load.acknowledged) - there
    deadline = time.monotonic() + 60
    while missing() and time.monotonic() < deadline:
        instance.run("postqueue", "-c", instance.dir, "-f", check=False)
        time.sleep(0.5)
    lost = missing()
    assert not lost, "%s\n%s" % (sorted(lost)[:10], instance.log()[-3000:])


def on_small_disk(instance, disk, kind, sink, **settings):
    spool = instance.dir / "small"
    disk(kind, 340 << 20 if kind == "xfs" else 60 << 20, spool)
    instance.user("ana")
    instance.set(queue_directory=spool, journal_segment_size="1048576", journal_segments_max="2",
                 transport_maps="inline:{ { later.test = smtp:[127.0.0.1]:%d } }" % sink.port, minimal_backoff_time="2s",
                 maximal_backoff_time="2s", queue_run_delay="2s", transport_retry_time="1s", smtpd_peername_lookup="no",
                 smtpd_client_connection_count_limit="0", **settings)
    instance.start()
    return spool


@pytest.mark.parametrize("kind", ["ext4", "xfs"])
def test_a_full_disk(disk, instance, closing, kind, capsys):
    answers = {"EHLO": "421 4.3.2 later"}
    sink = closing(harness.Sink(rules=answers))
    spool = on_small_disk(instance, disk, kind, sink, message_size_limit="100000")
    before = workers(instance)
    load = Load(instance, ["ana@example.test", "x@later.test"])
    try:
        harness.wait_until("some mail", lambda: len(load.acknowledged) > 20)
        filler = fill(spool)
        harness.wait_until("a full disk to be noticed", lambda: len(load.refused) > 20, 40)
        fill(spool)  # what deliveries have freed meanwhile
        sent = instance.run("sendmail", "-f", "eva@far.test", "ana@example.test", input=orders.message("f-local", 60000), check=False)
        half = list((spool / "maildrop").iterdir())
        count = len(load.acknowledged)
        filler.unlink()
        harness.wait_until("mail to be taken again", lambda: len(load.acknowledged) > count + 20, 40)
    finally:
        load.end()
    answers.clear()
    assert not load.wrong, load.wrong[:5]
    assert {r.split(" ")[1] for r in load.refused} == {"4.3.1"} and {r[:3] for r in load.refused} == {"452"}, set(load.refused)
    assert sent.returncode == 75 and "space" in sent.stderr and not half, (sent, half)
    assert re.search(r"No space left on device|not enough free space", instance.log())
    assert workers(instance) >= before, instance.log()[-3000:]
    all_delivered(instance, load, sink)
    with capsys.disabled():
        print("\nfull disk, %s: acknowledged %d, refused %d (%s), lost 0" % (kind, len(load.acknowledged), len(load.refused), ", ".join(sorted(set(load.refused)))))


def test_becomes_read_only(disk, instance, closing, folder, capsys):
    """What a kernel does with a file system that has an error, under load: clients are told to come again, nothing
    dies, and after a repair all that was acknowledged is there.  (`mount -o remount,ro` is no way to get there: it is
    refused with "mount point is busy" as long as segments are open for writing.)"""
    sink = closing(harness.Sink(rules={"EHLO": "421 4.3.2 later"}))
    spool = on_small_disk(instance, disk, "ext4", sink, message_size_limit="100000")
    before = workers(instance)
    load = Load(instance, ["ana@example.test", "x@later.test"])
    try:
        harness.wait_until("some mail", lambda: len(load.acknowledged) > 30)
        plain = subprocess.run(["mount", "-o", "remount,ro", spool], capture_output=True, text=True)
        assert plain.returncode != 0 and "busy" in plain.stderr, plain
        call("mount", "-o", "remount,abort", spool)
        with pytest.raises(OSError):
            (spool / "probe").write_bytes(b"x")
        time.sleep(0.5)  # for what was being answered just then
        count = len(load.acknowledged)
        harness.wait_until("it to be noticed", lambda: len(load.refused) > 30, 40)
        assert len(load.acknowledged) == count
        sent = instance.run("sendmail", "-f", "eva@far.test", "ana@example.test", input=orders.message("f-local", 5000), check=False)
    finally:
        load.end()
    assert not load.wrong, load.wrong[:5]
    assert all(re.match(r"4\d\d 4\.", r) for r in load.refused), set(load.refused)
    assert sent.returncode == 75 and "ead-only" in sent.stderr, sent
    assert "Read-only file system" in instance.log()
    assert workers(instance) >= before, instance.log()[-3000:]
    instance.stop()
    unmount(spool)
    repair_and_mount(folder / "ext4-0.img", spool)
    sink.rules.clear()
    instance.start()
    all_delivered(instance, load, sink)
    with capsys.disabled():
        print("\nread-only: acknowledged %d, refused %d (%s), lost 0" % (len(load.acknowledged), len(load.refused), ", ".join(sorted(set(load.refused)))))


def test_minfree(disk, instance, closing):
    """Refused at MAIL, where Postfix does it: less free than queue_minfree, or than 1.5 times message_size_limit."""
    sink = closing(harness.Sink())
    spool = on_small_disk(instance, disk, "ext4", sink, message_size_limit="1000000", queue_minfree="20000000")

    def mail(words=""):
        time.sleep(0.6)  # free space is asked for twice a second
        return harness.dialogue(instance.ports["smtp"], ["EHLO x", "MAIL FROM:<eva@far.test>" + words])[-1]
    assert mail().startswith("250 ")
    filler = spool / "filler"
    room = os.statvfs(spool)
    with open(filler, "wb") as f:
        os.posix_fallocate(f.fileno(), 0, room.f_bavail * room.f_frsize - 15000000)
    assert mail() == "452 4.3.1 Insufficient system storage"
    assert mail(" SIZE=1000") == "452 4.3.1 Insufficient system storage"
    assert "not enough free space" in instance.log()
    instance.set(queue_minfree="0")
    instance.malote("reload")
    harness.wait_until("the new limit", lambda: mail(" SIZE=1000").startswith("250 "))
    with open(filler, "ab") as f:
        os.posix_fallocate(f.fileno(), 0, filler.stat().st_size + 14000000)
    assert mail() == "452 4.3.1 Insufficient system storage"
    filler.unlink()
    assert mail().startswith("250 ")


def test_a_full_mailbox_disk(disk, instance, folder):
    """Maildir and mbox: deferred, nothing half is left, delivered when there is room."""
    small = folder / "boxes"
    disk("tmpfs", 1 << 20, small)
    small.chmod(0o1777)
    instance.user("ana")
    instance.set(virtual_mailbox_maps="inline:{ { dir@example.test = dir/ } { box@example.test = box } }", virtual_mailbox_base=small,
                 virtual_mailbox_domains="example.test", virtual_uid_maps="static:65534", virtual_gid_maps="static:65534",
                 virtual_minimum_uid="1", minimal_backoff_time="1s", maximal_backoff_time="1s", queue_run_delay="1s", virtual_alias_maps="")
    instance.start()

    def send(to, tag, size):
        with smtplib.SMTP("127.0.0.1", instance.ports["smtp"], timeout=20) as client:
            client.sendmail("eva@far.test", [to], orders.message(tag, size))

    def boxes():
        box = (small / "box").read_bytes() if (small / "box").exists() else b""
        return [p.read_bytes() for p in (small / "dir" / "new").glob("*")] + \
            [part for part in re.split(rb"(?:^|\n\n)From [^\n]+\n", box) if part]
    send("dir@example.test", "f1", 300)
    send("box@example.test", "f2", 300)
    harness.wait_until("two messages", lambda: len(boxes()) == 2)
    length = (small / "box").stat().st_size
    filler = small / "filler"
    filler.write_bytes(b"x" * (900 << 10))
    for tag, to in (("f3", "dir@example.test"), ("f4", "box@example.test")):
        send(to, tag, 200000)
        line = instance.wait_log(r"to=<%s>.*dsn=(\S+), status=(\w+) \((.*)\)" % to, count=2)
        assert line[2] == "deferred" and line[1].startswith("4.") and "No space left" in line[3], line[0]
    assert (small / "box").stat().st_size == length
    assert sorted(orders.whole_tags(boxes())) == ["f1", "f2"]
    assert list((small / "dir" / "tmp").iterdir()) == []
    filler.unlink()
    instance.run("postqueue", "-f")
    harness.wait_until("all four", lambda: len(boxes()) == 4, 30)
    assert sorted(orders.whole_tags(boxes())) == ["f1", "f2", "f3", "f4"]


# ---- mailboxes on several disks ----

def boxes_below(place, names):
    return {name: [p.read_bytes() for p in (place / name / "new").glob("*")] for name in names}


class Mail:
    """Messages to many mailboxes; which one is where, by its tag."""

    def __init__(self, instance):
        self.instance, self.to, self.lock = instance, {}, threading.Lock()

    def send(self, tag, recipient):
        with smtplib.SMTP("127.0.0.1", self.instance.ports["smtp"], timeout=30) as client:
            client.sendmail("eva@far.test", [recipient], orders.message(tag, 3000))
        with self.lock:
            self.to[tag] = recipient

    def send_all(self, prefix, recipients, count, clients=4):
        def some(first):
            for number in range(first, count, clients):
                self.send("%s-%d" % (prefix, number), recipients[number % len(recipients)])
        threads = [threading.Thread(target=some, args=(n,)) for n in range(clients)]
        for thread in threads:
            thread.start()
        return threads


def remount(place, how):
    """ro is refused while somebody has a file open for writing."""
    harness.wait_until("%s to be %s" % (place, how), lambda: subprocess.run(
        ["mount", "-o", "remount," + how, place], capture_output=True).returncode == 0, 20, 0.002)


def test_one_of_two_mailbox_disks_becomes_read_only(disk, instance, folder, capsys):
    """What is for it waits, and nobody else does; later the rest arrives."""
    here, other = folder / "here", folder / "other"
    here.mkdir()
    disk("ext4", 60 << 20, other)
    for place in (here, other):
        place.chmod(0o1777)
    (other / "man").mkdir()  # a local user's
    os.chown(other / "man", pwd.getpwnam("man").pw_uid, -1)
    (here / "man").symlink_to(other / "man")
    good = ["v%d@example.test" % n for n in range(0, 30, 2)] + ["one@example.test", "games@mail.example.test"]
    odd = ["v%d@example.test" % n for n in range(1, 30, 2)] + ["two@example.test", "man@mail.example.test"]
    both = [r for pair in zip(good, odd) for r in pair]
    instance.set(virtual_mailbox_domains="example.test", virtual_mailbox_base=folder, virtual_uid_maps="static:65534",
                 virtual_gid_maps="static:65534", virtual_minimum_uid="1", virtual_alias_maps="",
                 virtual_mailbox_maps="inline:{ %s }" % " ".join(
                     "{ %s = %s/%s/ }" % (r, place.name, r.split("@")[0]) for place, list_ in ((here, good), (other, odd)) for r in list_
                     if r.endswith("@example.test")),
                 mail_spool_directory="%s/" % here, minimal_backoff_time="1h", maximal_backoff_time="1h", queue_run_delay="1h")
    instance.start()
    mail = Mail(instance)
    names = {place: [r.split("@")[0] for r in list_] for place, list_ in ((here, good), (other, odd))}

    def arrived(place):
        return [tag for texts in boxes_below(place, names[place]).values() for tag in orders.whole_tags(texts)]
    threads = mail.send_all("f-before", both, 1200) + mail.send_all("f-one", ["one@example.test", "two@example.test"], 300)
    harness.wait_until("some mail on both", lambda: len(arrived(here)) > 20 and len(arrived(other)) > 20, 30)
    remount(other, "ro")
    for thread in threads:
        thread.join(60)
    for thread in mail.send_all("f-while", both, 200):
        thread.join(60)

    def waiting():
        return [r["address"] for m in instance.queue() for r in m["recipients"]]
    expected = {tag for tag, r in mail.to.items() if r in good}
    harness.wait_until("what is for the good disk", lambda: set(arrived(here)) >= expected, 20)
    before, rest = set(arrived(other)), {tag for tag, r in mail.to.items() if r in odd}
    harness.wait_until("the rest to be deferred", lambda: len(waiting()) == len(rest - before))
    assert set(waiting()) <= set(odd) and len(waiting()) >= 100
    deferred = re.findall(r"to=<(\S+)>.*delay=([\d.]+),.* dsn=(\S+), status=deferred \((.*)\)", instance.log())
    assert {(dsn, text.rsplit(": ", 1)[1]) for _, _, dsn, text in deferred} == {("4.3.0", "Read-only file system")}
    assert {to for to, *_ in deferred} <= set(odd)
    delays = [float(d) for to, d in re.findall(r"to=<(\S+)>.*delay=([\d.]+),.*status=sent", instance.log()) if to in good]
    assert len(delays) == len(expected) and max(delays) < 5, max(delays)
    remount(other, "rw")
    instance.run("postqueue", "-f")
    instance.wait_empty()
    for place, list_ in ((here, good), (other, odd)):
        tags = arrived(place)
        assert set(tags) == {tag for tag, r in mail.to.items() if r in list_} and len(tags) == len(set(tags))
    with capsys.disabled():
        print("\ntwo mailbox disks: delivered %d, of them %d after the one was read-only; the others took at most %.1f s"
              % (len(mail.to), len(deferred), max(delays)))


def test_odd_maildirs_in_a_round_with_others(instance, folder):
    """One whose new/ is a file gives the answer that Postfix gives; one whose new/ may only be written is delivered to; the rest of the
    round is as if they were not there."""
    boxes = folder / "boxes"
    names = ["b%d" % n for n in range(8)] + ["odd", "blind"]
    for name in names:
        for part in ("", "tmp", "new", "cur"):
            (boxes / name / part).mkdir(parents=True, exist_ok=True)
            os.chown(boxes / name / part, 65534, 65534)
    (boxes / "odd" / "new").rmdir()
    (boxes / "odd" / "new").write_text("a file")
    os.chown(boxes / "odd" / "new", 65534, 65534)
    (boxes / "blind" / "new").chmod(0o300)
    instance.set(virtual_mailbox_domains="example.test", virtual_mailbox_base=boxes, virtual_uid_maps="static:65534", virtual_gid_maps="static:65534",
                 virtual_minimum_uid="1", virtual_alias_maps="", virtual_mailbox_maps="inline:{ %s }" % " ".join("{ %s@example.test = %s/ }" % (n, n) for n in names))
    instance.start()
    mail = Mail(instance)
    mail.send("f-first", "b0@example.test")
    instance.wait_log(r"status=sent")
    (agent,) = [pid for pid, line in instance.processes().items() if re.match(r"\S*virtual( |$)", line) and os.stat("/proc/%d" % pid).st_uid == 65534]
    os.kill(agent, signal.SIGSTOP)  # all are to be there together
    try:
        for thread in mail.send_all("f-r", [n + "@example.test" for n in names], 60):
            thread.join(60)
    finally:
        os.kill(agent, signal.SIGCONT)
    instance.wait_log(r"status=", count=61)
    answers = re.findall(r"to=<(\w+)@example\.test>.* dsn=(\S+), status=(\w+) \((.*)\)", instance.log())
    assert {a[1:3] for a in answers if a[0] != "odd"} == {("2.0.0", "sent")}, answers
    assert {a[1:3] for a in answers if a[0] == "odd"} == {("5.2.0", "bounced")}, answers
    there = boxes_below(boxes, [n for n in names if n != "odd"])
    assert {tag for texts in there.values() for tag in orders.whole_tags(texts)} == {t for t, r in mail.to.items() if not r.startswith("odd@")}
    assert sum(map(len, there.values())) == 55
    assert (boxes / "odd" / "new").read_text() == "a file"
    assert not [p for n in names for p in (boxes / n / "tmp").iterdir()]


# ---- a disk that promised too much ----

class ThinDisk:
    """An ext4 that believes to have room, on storage that has none left: write() succeeds, and what is written back
    later is lost, which the kernel tells each open file once.  Only file data is hit: all that the file system needs
    for itself has its place."""

    def __init__(self, disk, folder, place, size=64 << 20):
        self.place, self.size, self.pool = place, size, disk("tmpfs", size + (8 << 20), folder / "pool")
        self.image = self.pool / "image"
        disk("ext4", size, place, self.image, ["-b", "4096", "-J", "size=16", "-E", "lazy_itable_init=0"])
        self.be_honest()
        with open(self.image, "r+b") as f:  # mkfs leaves holes where it writes zeros
            os.posix_fallocate(f.fileno(), 0, size)

    def be_honest(self):
        """Where the storage takes a part of what it is given at a time, loop(4) says that it took all; so a page at
        a time."""
        device = os.stat(self.place).st_dev
        try:
            pathlib.Path("/sys/dev/block/%d:%d/queue/max_sectors_kb" % (os.major(device), os.minor(device))).write_text("4")
        except OSError as error:
            pytest.skip("a loop device cannot be told to write a page at a time: %s" % error)

    def mount_again(self):
        """Nothing is remembered from before."""
        unmount(self.place)
        repair_and_mount(self.image, self.place)
        self.be_honest()

    def run_out(self, spare=0):
        """Take away what is not in use, but for so many bytes.  What the file system needs for itself gets its place
        before."""
        self.refill()
        subprocess.run(["sync", "-f", self.place], capture_output=True)  # tells of earlier errors
        call("fstrim", self.place)
        room = os.statvfs(self.pool)
        self.resize((room.f_blocks - room.f_bfree) * room.f_frsize + spare)

    def refill(self):
        self.resize(self.size + (8 << 20))

    def resize(self, size):
        call("mount", "-o", "remount,size=%d" % size, self.pool)


class Sent:
    """Messages by their tags: to whom, and what they are called in the log."""

    def __init__(self, instance):
        self.instance, self.to, self.id = instance, {}, {}

    def connect(self):
        self.client = smtplib.SMTP("127.0.0.1", self.instance.ports["smtp"], timeout=30)
        self.client.ehlo()

    def send(self, tag, recipient, size):
        self.client.mail("eva@far.test")
        self.client.rcpt(recipient)
        code, text = self.client.data(orders.message(tag, size))
        assert code == 250, (code, text)
        self.to[tag], self.id[tag] = recipient, text.decode().split()[-1]

    def outcomes(self):
        """tag -> (dsn, status, text), when all have one."""
        def found():
            lines = {m[0]: m[1:] for m in re.findall(r" (\w+): to=<.* dsn=(\S+), status=(\w+) \((.*)\)", self.instance.log())}
            return {tag: lines[i] for tag, i in self.id.items()} if set(self.id.values()) <= set(lines) else None
        return harness.wait_until("all to have been tried", found, 40, 0.1)


class ThinBoxes:
    """Maildirs and an mbox of virtual's and of local's below one place."""
    USERS = ["games", "man", "lp", "news", "uucp"]
    VIRTUAL = ["dir%d" % n for n in range(5)]
    OWNERS = {**{name: "nobody" for name in VIRTUAL}, **{name: name for name in USERS}}
    # What one target after the other gets is for these, in turn.
    TARGETS = [["dir0@example.test"], [name + "@example.test" for name in VIRTUAL], ["box@example.test"],
               ["games@mail.example.test"], [name + "@mail.example.test" for name in USERS], ["file@mail.example.test"]]

    def __init__(self, instance, place):
        self.place, self.all = place, sorted({r for target in self.TARGETS for r in target})
        place.chmod(0o1777)
        for name, owner in self.OWNERS.items():
            for part in ("", "tmp", "new", "cur"):
                path = place / name / part
                path.mkdir(exist_ok=True)
                os.chown(path, pwd.getpwnam(owner).pw_uid, -1)
                files = [path / ("%0100d" % n) for n in range(150)]  # so that the folder need not grow
                for file in files if part else []:
                    file.touch()
                for file in files if part else []:
                    file.unlink()
        instance.set(virtual_mailbox_domains="example.test", virtual_mailbox_base=place, virtual_uid_maps="static:65534",
                     virtual_gid_maps="static:65534", virtual_minimum_uid="1", virtual_alias_maps="",
                     virtual_mailbox_maps="inline:{ %s { box@example.test = box } }" % " ".join(
                         "{ %s@example.test = %s/ }" % (name, name) for name in self.VIRTUAL),
                     mail_spool_directory="%s/" % place, malote_delivery_process_idle="600s",
                     minimal_backoff_time="1h", maximal_backoff_time="1h", queue_run_delay="1h")
        instance.aliases("file: %s\n" % (place / "file"))

    def look(self):
        """(recipient -> tags of what is whole, what is not)"""
        arrived, broken = {}, []
        for recipient in self.all:
            path = self.place / recipient.split("@")[0]
            texts = [p.read_bytes() for p in (path / "new").iterdir()] if path.is_dir() else \
                [part for part in re.split(rb"(?:^|\n\n)From [^\n]+\n", path.read_bytes()) if part]
            arrived[recipient] = []
            for text in texts:
                try:
                    arrived[recipient] += orders.whole_tags([text])
                except AssertionError as error:
                    broken.append("%s: %s" % (path.name, error))
        return arrived, broken

    def processes(self, instance):
        uids = {pwd.getpwnam(owner).pw_uid for owner in self.OWNERS.values()}
        return [pid for pid, line in instance.processes().items()
                if re.match(r"\S*(local|virtual)( |$)", line) and os.stat("/proc/%d" % pid).st_uid in uids]


def send_alone(mail, name, size):
    for kind, recipients in enumerate(ThinBoxes.TARGETS):
        mail.send("f-%s-%d-%d" % (name, kind, size), recipients[-1], size)
        mail.outcomes()


def send_together(instance, mail, boxes, name, sizes):
    """30 to each target, which wait for its process together."""
    processes = boxes.processes(instance)
    assert len(processes) > len(boxes.USERS)
    for pid in processes:
        os.kill(pid, signal.SIGSTOP)
    try:
        for number in range(30):
            for kind, recipients in enumerate(boxes.TARGETS):
                mail.send("f-%s-%d-%d" % (name, kind, number), recipients[number % len(recipients)], sizes[number % len(sizes)])
    finally:
        for pid in processes:
            os.kill(pid, signal.SIGCONT)
    mail.outcomes()


def test_write_back_fails(disk, folder, instance, capsys):
    """What the disk lost was not delivered: by local and virtual, to maildirs and mboxes, alone and together."""
    thin = ThinDisk(disk, folder, folder / "boxes")
    boxes, mail = ThinBoxes(instance, thin.place), Sent(instance)
    instance.start()
    mail.connect()
    for recipient in boxes.all:
        mail.send("f-first-" + recipient.split("@")[0], recipient, 3000)
    assert {o[1] for o in mail.outcomes().values()} == {"sent"}
    instance.stop()
    thin.mount_again()  # nor does it keep room for files that may grow
    thin.run_out()
    instance.start()
    mail.connect()
    send_alone(mail, "alone", 2000)
    thin.run_out(spare=100 << 10)  # for a third of one
    send_alone(mail, "alone", 300000)
    thin.run_out()
    send_together(instance, mail, boxes, "mixed", [2000, 300000, 30000])
    thin.run_out(spare=320 << 10)  # for half of them
    send_together(instance, mail, boxes, "small", [2000])
    thin.run_out(spare=8 << 20)
    for size in (2000, 300000):
        send_alone(mail, "later", size)
    outcomes = mail.outcomes()
    instance.stop()
    thin.refill()
    thin.mount_again()
    sent = {tag for tag, (dsn, status, text) in outcomes.items() if status == "sent"}
    waiting = {tag: (dsn, status, text.rsplit(": ", 1)[1]) for tag, (dsn, status, text) in outcomes.items() if status != "sent"}
    arrived, broken = boxes.look()
    lost = sorted(tag for tag in sent if tag not in arrived[mail.to[tag]])
    assert not lost, "%d of %d that were delivered are not there: %s" % (len(lost), len(sent), lost)
    assert not broken, broken
    assert set(waiting.values()) <= {("4.3.1", "deferred", "No space left on device"), ("4.3.0", "deferred", "Input/output error")}

    def some(tags, *names):
        return [tag for tag in tags if tag.split("-")[1] in names]
    assert not some(sent, "alone") and some(waiting, "mixed") and some(sent, "small") and some(waiting, "small") and not some(waiting, "later")
    assert not [p for name in boxes.OWNERS for p in (thin.place / name / "tmp").iterdir()]
    instance.start()
    instance.run("postqueue", "-f")
    instance.wait_empty(60)
    arrived, broken = boxes.look()
    missing = sorted(tag for tag, recipient in mail.to.items() if tag not in arrived[recipient])
    assert not missing and not broken, (missing, broken)
    with capsys.disabled():
        print("\nwrite-back fails: %d messages, at first %d delivered and %d deferred; lost 0, %d twice" % (
            len(mail.to), len(sent), len(waiting), sum(map(len, arrived.values())) - len(mail.to)))
