"""Every system call on a message's way fails once: what was acknowledged is delivered whole, what was
not is refused with a 4xx, nothing dies.

A row of PATHS is one stretch of the way: a program, what to send, which calls.  A walk lets call 1, 2,
3 … of it fail until none is left; after each step the fault is gone and the next message must go
through.  FAULTS=all walks everything, FAULTS=READ_ONLY,QUOTA every row with these; without it each row's
short list is walked.
"""
import errno
import os
import pwd
import re
import smtplib
import sys
import time
import pathlib

import pytest

import harness

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent / "faults"))

import orders  # noqa: E402
from test_disk import call, disk  # noqa: E402,F401
from orders import CREATE, DUP, FILES, FORK, FREE, LIST, LOCK, MEMORY, NAME, OPEN, READ, SOCKET, SPACE, STAT, SYNC, TAKEN, WRITE  # noqa: E402,F401

ALL = os.environ.get("FAULTS", "")
STEPS_MOST = 400
CALLS_MOST = 2000  # of a step: who asks more often does nothing else

DISK = OPEN | CREATE | WRITE | SYNC | NAME | SPACE | FREE | LOCK
GROWS = CREATE | WRITE | SYNC | NAME | SPACE
CHANGES = CREATE | WRITE | NAME | SPACE | STAT

# Whatever comes of it, this does not fail without a line: what is not on the disk, a mailbox that stays locked, a submission that waits.
TOLD = r"fsync|fdatasync|sync_file_range|syncfs|io_submit|unlink .*\.lock$|readdir .*/maildrop$"

# errno, calls, how often (0: from there on all), whether a disk takes half first
EIO = (errno.EIO, FILES, 1, False)
EIO_ON = (errno.EIO, FILES, 0, False)
FULL = (errno.ENOSPC, GROWS, 1, False)
FULL_ON = (errno.ENOSPC, GROWS, 0, False)
FULL_HALF = (errno.ENOSPC, WRITE, 2, True)
QUOTA = (errno.EDQUOT, GROWS, 0, False)
NO_FD = (errno.EMFILE, OPEN | CREATE | DUP | SOCKET | TAKEN, 1, False)
NO_FD_ON = (errno.EMFILE, OPEN | CREATE | DUP | SOCKET | TAKEN, 0, False)
READ_ONLY = (errno.EROFS, CHANGES, 0, False)
NO_MEMORY = (errno.ENOMEM, MEMORY | FORK, 1, False)
NO_MEMORY_ON = (errno.ENOMEM, MEMORY | FORK, 0, False)
EVERY = [EIO, EIO_ON, FULL, FULL_ON, FULL_HALF, QUOTA, NO_FD, NO_FD_ON, READ_ONLY, NO_MEMORY, NO_MEMORY_ON]
if ALL and ALL != "all":
    EVERY = [globals()[name] for name in ALL.split(",")]


class Way:
    """One stretch: `program` has the faults; `count` messages of `size` bytes go to `to`.  `disk`: what the mailboxes
    lie on; `home`: those of the system's users are maildirs there."""

    def __init__(self, name, program, to, size=2000, count=1, local=False, linger=0.0, short=(), disk=None, home=False, **settings):
        self.name, self.program, self.to, self.size, self.count = name, program, to, size, count
        self.disk, self.home = disk, home
        self.local, self.linger, self.short, self.settings = local, linger, short, settings


GONE, ANA, GAMES, AWAY, PIPED, DEAD, HELD, NOBODY = (
    "x@gone.test", "ana@example.test", "games@mail.example.test", "rui@remote.test", "p@piped.test", "d@dead.test", "h@held.test",
    "n@bounced.test")
OTHERS = ("bea", "eva", "ida")  # whose maildirs are synced side by side
SEVERAL = ",".join(["ana@example.test", *(name + "@example.test" for name in OTHERS)])
FILES_ONLY = {"journal_segment_size": "0"}

WAYS = [
    Way("commit, journal", "smtpd", ANA, short=[EIO, FULL_ON, NO_MEMORY]),
    Way("commit, new segments", "smtpd", ANA, size=200000, count=6, short=[FULL]),
    Way("commit, large", "smtpd", ANA, size=600000, short=[EIO, FULL_HALF]),
    Way("commit, files", "smtpd", ANA, short=[EIO, FULL], **FILES_ONLY),
    Way("hand-over, journal", "qmgr", ANA, short=[NO_FD]),
    Way("hand-over, files", "qmgr", ANA, short=[EIO, NO_FD], **FILES_ONLY),
    Way("settle, deferred", "qmgr", DEAD, linger=0.25, short=[EIO, FULL_ON, NO_FD_ON]),
    Way("settle, hold", "qmgr", HELD, short=[EIO]),
    Way("ledger", "qmgr", GONE, linger=0.45, short=[EIO, FULL_ON]),
    Way("release of segments", "qmgr", ANA, size=200000, count=6, linger=0.5, short=[EIO]),
    Way("notices", "qmgr", NOBODY, short=[EIO, FULL_ON]),
    Way("notices, files", "qmgr", NOBODY, **FILES_ONLY),
    Way("pickup", "pickup", ANA, local=True, short=[FULL]),
    Way("Maildir", "local", ANA, short=[EIO, FULL_HALF, NO_FD, NO_MEMORY]),
    Way("Maildirs, together", "local", SEVERAL, linger=0.2, short=[EIO], virtual_destination_recipient_limit="1"),
    Way("Maildir, ordered", "local", ANA, disk="ext4", short=[EIO, FULL_HALF]),
    Way("Maildirs, ordered, together", "local", SEVERAL, linger=0.2, disk="ext4", short=[EIO_ON], virtual_destination_recipient_limit="1"),
    Way("Maildir at home", "local", GAMES, home=True, short=[EIO, NO_MEMORY]),
    Way("Maildir at home, ordered", "local", GAMES, home=True, disk="xfs", short=[EIO, FULL_HALF]),
    Way("mbox", "local", GAMES, short=[EIO, FULL_HALF]),
    Way("pipe", "local", PIPED, short=[EIO]),
    Way("relay", "relay", AWAY, short=[NO_FD, EIO]),
]


class Mail:
    """An instance with orders; what it acknowledged and what it delivered."""

    def __init__(self, instance, folder, closing, settings, home=False):
        self.instance, self.folder = instance, folder
        self.home = instance.dir / "mail" / "games" if home else None
        if home:
            self.home.mkdir()
            os.chown(self.home, pwd.getpwnam("games").pw_uid, -1)
            instance.set(home_mailbox="../..%s/" % self.home, forward_path="%s/$user" % folder)
        self.sink, self.bounces = closing(harness.Sink()), closing(harness.Sink())
        self.acknowledged, self.refused, self.serial, self.log_at = {}, {}, 0, 0
        self.piped = folder / "piped"
        self.piped.mkdir()
        self.piped.chmod(0o1777)
        script = folder / "take"
        script.write_text("#!/bin/sh\nf=$(mktemp %s/.tmp.XXXXXX) && cat >$f && mv $f %s/m.$$.$(date +%%N)\n" % (self.piped, self.piped))
        script.chmod(0o755)
        for name in ("ana", *OTHERS):
            instance.user(name)
        instance.master("piped unix - n n - - pipe\n  user=nobody argv=%s" % script)
        instance.master("deadend unix - - n - - smtp")
        self.faults = orders.Faults(instance)
        self.dead_port = harness.free_port()
        instance.set(
            transport_maps="inline:{ { gone.test = discard: } { held.test = discard: } { piped.test = piped: } { bounced.test = error:5.1.1 nobody there } "
            "{ far.test = smtp:[127.0.0.1]:%d } { remote.test = smtp:[127.0.0.1]:%d } { dead.test = deadend:[127.0.0.1]:%d } }" % (
                self.bounces.port, self.sink.port, self.dead_port),
            smtpd_recipient_restrictions="check_recipient_access inline:{ { held.test = HOLD } }, permit_mynetworks, reject",
            service_workers="1", myorigin="$myhostname",
            minimal_backoff_time="1h", maximal_backoff_time="1h", queue_run_delay="1h", transport_retry_time="1s",
            smtpd_client_connection_count_limit="0", smtpd_peername_lookup="no", smtpd_hard_error_limit="1000",
            smtpd_soft_error_limit="1000", service_throttle_time="1s", stale_lock_time="1s", deliver_lock_delay="1s", deliver_lock_attempts="3")
        instance.set(**{"journal_segment_size": "1048576", **settings})
        instance.start()
        self.workers = {}
        for to in (SEVERAL, GAMES, AWAY, PIPED):
            self.send(to, 100)
        self.sendmail(ANA, 100)
        self.wait_delivered(20)
        self.workers = self.pids()

    def pids(self):
        return {pid: os.path.basename(line.split(" ")[0]) for pid, line in self.instance.processes().items()
                if os.path.basename(line.split(" ")[0]) in ("master", "smtpd", "qmgr", "pickup", "relay", "smtp")}

    def new_log(self):
        text = self.instance.log()
        new, self.log_at = text[self.log_at:], len(text)
        return new

    def log_of_step(self, words, seconds):
        """What is new in the log; for `words` we wait that long."""
        log, deadline = self.new_log(), time.monotonic() + seconds
        while not re.search(words, log) and time.monotonic() < deadline:
            time.sleep(0.02)
            log += self.new_log()
        return log

    # ---- sending ----

    def _note(self, tag, to, code, text):
        (self.acknowledged if code == 250 else self.refused)[tag] = (to, code, text)
        return code, text

    def _tag(self):
        self.serial += 1
        return "f%d" % self.serial

    def send(self, to, size):
        """One message by SMTP; (code, words) of the first reply that is no success."""
        tag = self._tag()
        try:
            with smtplib.SMTP("127.0.0.1", self.instance.ports["smtp"], timeout=20) as client:
                client.ehlo("client.far.test")
                for step in (lambda: client.mail("eva@far.test"), *(lambda one=one: client.rcpt(one) for one in to.split(",")),
                             lambda: client.data(orders.message(tag, size))):
                    try:
                        code, text = step()
                    except smtplib.SMTPDataError as error:
                        code, text = error.smtp_code, error.smtp_error
                    if code >= 400:
                        break
                return self._note(tag, to, code, text.decode("latin-1"))
        except smtplib.SMTPConnectError as error:
            return self._note(tag, to, error.smtp_code, str(error.smtp_error))
        except (OSError, smtplib.SMTPServerDisconnected) as error:
            return self._note(tag, to, -1, repr(error))

    def sendmail(self, to, size):
        tag = self._tag()
        done = self.instance.run("sendmail", "-f", "eva@far.test", to, input=orders.message(tag, size).replace("\r\n", "\n"), check=False)
        return self._note(tag, to, 250 if done.returncode == 0 else 400 + done.returncode, done.stderr)

    # ---- looking ----

    def delivered(self):
        """Tags, with all their copies, and "tag name" for what is in another's mailbox; anything that is not whole fails."""
        messages = self.instance.mailbox("ana") + [m[2] for m in self.sink.messages]
        messages += [p.read_bytes() for p in self.piped.glob("m.*")]
        box = self.instance.dir / "mail" / "local" / "games"
        if self.home:
            messages += self.instance.mailbox("games")
        elif box.exists():
            text = box.read_bytes()
            assert text.startswith(b"From "), text[:100]
            messages += [part for part in re.split(rb"(?:^|\n\n)From [^\n]+\n", text) if part]
        return orders.whole_tags(messages) + [
            "%s %s" % (tag, name) for name in OTHERS for tag in orders.whole_tags(self.instance.mailbox(name))]

    def has_ended(self, name, timeout):
        """Delivered, or deferred because its agent is being spared for a second."""
        try:
            harness.wait_until("an end", lambda: re.search(name + ": (removed|.*status=deferred)", self.instance.log()[self.log_at:]), timeout, 0.01)
        except harness.Trouble:
            return False
        return True

    def missing(self):
        there = set(self.delivered())
        bounced = b"".join(m[2] for m in self.bounces.messages) if any(to == NOBODY for to, _, _ in self.acknowledged.values()) else b""
        queue = None
        lost = []
        for tag, (to, _, words) in self.acknowledged.items():
            if to in (ANA, GAMES, AWAY, PIPED):
                here = tag in there
            elif to == SEVERAL:
                here = there >= {tag, *("%s %s" % (tag, name) for name in OTHERS)}
            elif to == NOBODY:
                here = b"Subject: %s\r\n" % tag.encode() in bounced
            elif to == GONE:
                here = re.search(r"%s: to=.*status=sent" % queue_id(words), self.instance.log())
            else:
                queue = {m["queue_id"]: m["queue_name"] for m in self.instance.queue()} if queue is None else queue
                here = queue.get(queue_id(words)) == ("hold" if to == HELD else "deferred")
            if not here:
                lost.append(tag)
        return lost

    def wait_delivered(self, timeout=60):
        deadline = time.monotonic() + timeout
        lost = self.missing()
        while lost and time.monotonic() < deadline:
            self.instance.run("postqueue", "-c", self.instance.dir, "-f", check=False)
            time.sleep(0.3)
            lost = self.missing()
        return lost


def queue_id(words):
    return words.rsplit(" ", 1)[-1]


def settled(mail, replies, linger):
    """Wait until what was acknowledged has had its attempt, or nothing moves any more."""
    ids = [queue_id(text) for code, text in replies if code == 250 and "queued as" in text]
    deadline = time.monotonic() + 0.6
    while ids and time.monotonic() < deadline:
        log = mail.instance.log()[mail.log_at:]
        ids = [i for i in ids if not re.search(r"%s: (removed|to=.*status=deferred)" % i, log)]
        time.sleep(0.01)
    time.sleep(linger)


def is_known_4xx(error, what, code, text):
    if error in (errno.ENOSPC, errno.EDQUOT):
        return code in (451, 452) and ("4.3.1" in text if code == 452 else True)
    # Without memory for a session, or a connection, there is nobody who could answer.
    return code in (421, 450, 451, 452, 475) or code == -1 and (error == errno.ENOMEM or what.startswith("accept4"))


def step(way, mail, fault, number, report):
    """Let call `number` fail.  Returns whether it was reached."""
    error, families, times, partial = fault
    mail.new_log()
    before = mail.instance.processes()
    mail.faults.order(way.program, families, error, number, times, partial)
    post = mail.sendmail if way.local else mail.send
    replies = [post(way.to, way.size)]
    while len(replies) < way.count and replies[-1][0] != -1:
        replies.append(post(way.to, way.size))
    settled(mail, replies, 0.3 if way.local else way.linger)
    fired, what = mail.faults.clear()
    words = "%s|status=deferred%s" % (re.escape(os.strerror(error)), "|ut of memory" if error == errno.ENOMEM else "")
    # Without memory a line is welcome, not owed.
    log = mail.log_of_step(words if fired else "", 0.5 if error != errno.ENOMEM else 0.05)
    at = "%s, %s, call %d (%s), %d failed" % (way.name, errno.errorcode[error], number, what, fired)
    if fired > CALLS_MOST:
        report.wrong.append("%s: it goes round and round" % at)
    for code, text in replies:
        if code != 250 and not is_known_4xx(error, what, code, text):
            report.wrong.append("%s: answered %s %s" % (at, code, text))
    owed = re.match(TOLD, what) and what != report.told or any(code != 250 for code, _ in replies)
    if fired and owed and error != errno.ENOMEM and not re.search(words, log):
        log += mail.log_of_step(words, 10)  # a busy machine
    if fired and not re.search(words, log):
        if any(code != 250 for code, _ in replies) and error != errno.ENOMEM:
            report.wrong.append("%s: %s, and no line in the log" % (at, replies))
        if re.match(TOLD, what) and what != report.told:
            report.wrong.append("%s: and nobody was told" % at)
        report.silent.append(at)
    elif fired:
        report.told = what
    code, text = mail.send(ANA, 500)
    if code != 250:
        report.wrong.append("%s: the next message got %s %s" % (at, code, text))
    elif not mail.has_ended(queue_id(text), 8):
        report.wrong.append("%s: the next message was left lying" % at)
    now = mail.pids()
    gone = {pid: name for pid, name in mail.workers.items() if pid not in now}
    for pid in set(re.findall(r"\[(\d+)\]: fatal: ", log)) - {str(pid) for pid in before}:
        report.barred.update({"[%s]: fatal: " % pid, "pid %s exit status 1" % pid})
    died = [line for line in log.splitlines() if re.search(r"killed by signal|exit status|panic|fatal", line)
            and not any(words in line for words in report.barred)]
    if gone or died:
        report.wrong.append("%s: these are gone: %s\n%s" % (at, gone, log[-1500:]))
    mail.workers = now
    for _, _, words in list(mail.acknowledged.values())[-way.count - 1:]:
        report.steps_of[queue_id(words)] = at
    if fired:
        report.steps += 1
        report.fired += fired
    return fired > 0


class Report:
    def __init__(self):
        self.steps = self.fired = 0
        self.steps_of = {}  # by queue id
        self.wrong, self.silent = [], []
        self.told = None  # the last call that a line was about: its next failure need not have another
        self.barred = set()  # of processes that could not even start


def put_mail_on(disk, instance, kind, **how):  # noqa: F811
    """Have the mailboxes on a file system of their own."""
    was = (instance.dir / "mail" / "local").stat()
    spool = disk(kind, 340 << 20, instance.dir / "mail", **how) / "local"
    spool.mkdir()
    os.chown(spool, was.st_uid, was.st_gid)
    spool.chmod(was.st_mode & 0o7777)


@pytest.mark.skipif(not harness.IS_ROOT, reason="delivering as somebody else takes root")
@pytest.mark.parametrize("kind, options, first", [
    ("ext4", (), "sync_file_range"), ("ext4", ("-O", "^has_journal"), "fsync"), ("ext4", ("-O", "fast_commit"), "fsync"),
    ("ext4", ("-b", "4096", "-J", "device="), "fsync"), ("xfs", (), "sync_file_range")],
    ids=["ext4", "no-journal", "fast-commit", "journal-elsewhere", "xfs"])
def test_who_is_trusted_to_keep_names_behind_bytes(kind, options, first, disk, instance, folder, closing):  # noqa: F811
    """There a file in new/ is synced once, when its bytes have been waited for."""
    journal = None
    if options[-1:] == ("device=",):
        (folder / "journal").write_bytes(b"")
        os.truncate(folder / "journal", 64 << 20)
        call("mke2fs", "-q", "-F", "-O", "journal_dev", "-b", "4096", folder / "journal")
        journal = call("losetup", "--find", "--show", folder / "journal")
        options = (*options[:-1], "device=" + journal)
    try:
        put_mail_on(disk, instance, kind, options=options)
    finally:
        if journal:
            call("losetup", "--detach", journal)  # when it is unmounted
    (instance.dir / "mail" / "any").write_bytes(b"")
    call("sync", instance.dir / "mail" / "any")  # fast commits are counted from the first one on
    mail = Mail(instance, folder, closing, {})
    mail.faults.order("local", SYNC, errno.EIO)
    mail.send(ANA, 500)
    harness.wait_until("a sync", lambda: mail.faults.control.fired)
    _, what = mail.faults.clear()
    assert what.split(" ")[0] == first
    assert not mail.wait_delivered()


@pytest.mark.skipif(not harness.IS_ROOT, reason="delivering as somebody else takes root")
@pytest.mark.parametrize("way", [way for way in WAYS if ALL or way.short], ids=lambda way: way.name.replace(", ", "-").replace(" ", "-"))
def test_walk(way, disk, instance, folder, closing, capsys):  # noqa: F811
    if way.disk:
        put_mail_on(disk, instance, way.disk)
    mail = Mail(instance, folder, closing, way.settings, way.home)
    report = Report()
    for fault in EVERY if ALL else way.short:
        number, misses = 1, 0
        while number < STEPS_MOST and misses < 2:
            if step(way, mail, fault, number, report):
                number, misses = number + 1, 0
            else:  # the end of the way, or its agent is being spared
                misses += 1
                time.sleep(1.1 if way.program in ("local", "relay") else 0)
    lost = mail.wait_delivered()
    tags = mail.delivered()
    half = [p for p in (instance.dir / "mail").glob("*/tmp/*")]
    with capsys.disabled():
        print("\n%-22s faults ordered %3d, calls failed %4d, acknowledged %4d, refused %3d, lost %d, half %d, twice %d, without a line %d" % (
            way.name, report.steps, report.fired, len(mail.acknowledged), len(mail.refused), len(lost), len(half),
            len(tags) - len(set(tags)), len(report.silent)))
        for line in report.silent if os.environ.get("FAULTS_SILENT") else ():
            print("   no log line: " + line)
    assert not report.wrong, "\n".join(report.wrong[:20])
    assert not lost, "\n".join("%s, %s: %s\n%s" % (
        tag, mail.acknowledged[tag], report.steps_of.get(queue_id(mail.acknowledged[tag][2])),
        "\n".join(line for line in instance.log().splitlines() if queue_id(mail.acknowledged[tag][2]) in line)) for tag in lost)
    assert report.steps > 0
    # A file that could not be removed is not submitted again with each wake-up.
    assert ALL or way.program != "pickup" or len(tags) == len(set(tags)), sorted(tags)
