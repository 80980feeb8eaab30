"""kill -9 of every process under load: what was acknowledged is there, whole.

CRASH_KILLS says how many kills (50 with files and 50 with journals; the long mode is 1000, or four
times 250 with different seeds), CRASH_SEED which ones.  A message counts as acknowledged when its 250
was read to the end, or sendmail exited with 0.  Afterwards it must be in the mailbox of each of its
recipients or in the sink, with exactly its bytes; how many came twice is printed.

Meanwhile messages wait, are deferred, held, released and deleted, and are read and deleted by POP3.
smtpd and pickup are in their chroot and ask proxymap for an alias and for who is banned: while it is
away nobody is refused for good, and nobody banned is let in.
"""
import hashlib
import os
import poplib
import random
import re
import signal
import smtplib
import ssl
import threading
import time

import pytest

import harness

KILLS = int(os.environ.get("CRASH_KILLS", "50"))
SEED = int(os.environ.get("CRASH_SEED", "0")) or random.randrange(1, 1 << 30)
KINDS = {"smtpd": "smtpd", "qmgr": "qmgr", "pickup": "pickup", "relay": "relay|smtp|lmtp", "local": "local|virtual",
         "pop3d": "pop3d", "auth": "auth"}
if harness.IS_ROOT:
    KINDS["proxymap"] = "proxymap"  # without a chroot nobody asks it
# ana: Maildir, read by POP3; eva: Maildir; box: mbox; rui: a sink; late: the same, which says "later" at
# first; held: the same, from hold/; aka: another name of one there, which a proxied table knows.
RECIPIENTS = ("ana@example.test", "eva@example.test", "box@example.test", "rui@remote.test", "late@remote.test",
              "held@remote.test", "aka@example.test")
ALIASES = {"aka@example.test": "zoe@remote.test"}
BANNED = "banned@remote.test"  # by a proxied table
JUNK = "junk@nowhere.test"  # never delivered, deleted in the queue
PAUSE = 0.05                # of a client between two sessions


def message(tag, rng):
    size = rng.choice((10, 200, 200, 4000, 4000, 20000, 300000) if rng.random() < 0.2 else (10, 200, 4000))
    body = "".join("%064x\n" % rng.getrandbits(256) for _ in range(size // 65 + 1))
    return "Subject: %s\nX-Sum: %s\n\n%s" % (tag, hashlib.sha256(body.encode()).hexdigest(), body)


def read(text):
    """The tag of a message as it arrived; None: it is not whole."""
    text = text.replace(b"\r\n", b"\n")
    head, _, body = text.partition(b"\n\n")
    tag = re.search(rb"^Subject: (k\S+)$", head, re.M)
    total = re.search(rb"^X-Sum: (\S+)$", head, re.M)
    if not tag or not total or hashlib.sha256(body.rstrip(b"\n") + b"\n").hexdigest().encode() != total.group(1):
        return None
    return tag.group(1).decode()


def read_mbox(path):
    try:
        text = path.read_bytes()
    except FileNotFoundError:
        return []
    return [part.partition(b"\n")[2] for part in re.split(rb"^From (?=x@far\.test )", text, flags=re.M)[1:]]


class Load:
    """Clients that send numbered messages, read mail and work on the queue until they are told to stop."""

    def __init__(self, instance, seed):
        self.instance = instance
        self.acknowledged = set()  # (tag, recipient)
        self.fetched = {}          # by POP3: tag -> whether it was deleted there
        self.garbled = []
        self.wrong = []            # replies
        self.counts = dict.fromkeys(("attempts", "messages", "recipients put off", "banned", "released", "put on hold",
                                     "junk deleted"), 0)
        self.stop = threading.Event()
        self.lock = threading.Lock()
        works = [self.smtp] * 4 + [self.submission] + [self.sendmail] * 2 + [self.pop3, self.operator]
        self.threads = [threading.Thread(target=self.repeat, args=(work, "k%d" % i, random.Random(seed * 100 + i)))
                        for i, work in enumerate(works)]
        for thread in self.threads:
            thread.start()

    def repeat(self, work, name, rng):
        state = {"number": 0}

        def tag():
            state["number"] += 1
            self.count("attempts")
            return "%s-%d" % (name, state["number"])
        while not self.stop.is_set():
            try:
                work(tag, rng)
                time.sleep(PAUSE)
            except (OSError, smtplib.SMTPException, poplib.error_proto, ValueError, harness.Trouble):
                time.sleep(PAUSE)

    def count(self, what, n=1):
        with self.lock:
            self.counts[what] += n

    def accepted(self, tag, recipients):
        with self.lock:
            self.counts["messages"] += 1
            self.acknowledged.update((tag, ALIASES.get(r, r)) for r in recipients if r != JUNK)

    def is_taken(self, client, recipient):
        """Whether it is; who is not may only be told to come again, and who is banned must not be."""
        code, text = client.rcpt(recipient)
        if 400 <= code < 500:
            self.count("recipients put off")
        elif recipient == BANNED and code == 554:
            self.count("banned")
        elif recipient == BANNED or code != 250:
            self.wrong.append((recipient, code, text))
        return code == 250

    def send(self, client, tag, rng):
        """One message; its recipients may be several."""
        for _ in range(rng.randrange(1, 12)):
            name = tag()
            to = rng.sample(RECIPIENTS, rng.choice((1, 1, 1, 2, 3))) if rng.random() > 0.05 else [JUNK]
            if rng.random() < 0.1:
                to.append(BANNED)
            to = [r for r in to if self.is_taken(client, r)] if client.mail("x@far.test")[0] == 250 else []
            if not to:
                client.rset()
                continue
            if client.data(message(name, rng).replace("\n", "\r\n"))[0] == 250:
                self.accepted(name, to)
            if self.stop.is_set():
                return

    def smtp(self, tag, rng):
        with smtplib.SMTP("127.0.0.1", self.instance.ports["smtp"], timeout=10) as client:
            client.ehlo("client.far.test")
            self.send(client, tag, rng)

    def submission(self, tag, rng):
        context = ssl.create_default_context()
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        with smtplib.SMTP("127.0.0.1", self.instance.ports["submission"], timeout=10) as client:
            client.starttls(context=context)
            client.login("ana", "secret")
            self.send(client, tag, rng)

    def sendmail(self, tag, rng):
        name = tag()
        to = rng.sample(RECIPIENTS, rng.choice((1, 1, 2)))
        if self.instance.run("sendmail", "-i", "-f", "x@far.test", *to, input=message(name, rng),
                             check=False).returncode == 0:
            self.accepted(name, to)
        time.sleep(0.05)

    def pop3(self, tag, rng):
        """Read ana's mailbox, and delete what was read."""
        time.sleep(0.2)
        box = poplib.POP3("127.0.0.1", self.instance.ports["pop3"], timeout=10)
        try:
            box.user("ana")
            box.pass_("secret")
            deleted = []
            for number in range(1, min(box.stat()[0], 20) + 1):
                text = b"\n".join(box.retr(number)[1]) + b"\n"
                name = read(text)
                if name is None:
                    self.garbled.append(text[:300])
                    continue
                with self.lock:
                    self.fetched.setdefault(name, False)
                box.dele(number)
                deleted.append(name)
            box.quit()
            with self.lock:
                self.fetched.update(dict.fromkeys(deleted, True))
        finally:
            box.close()

    def operator(self, tag, rng):
        """Release what is held, hold something else, delete junk."""
        time.sleep(rng.uniform(0.3, 1.5))
        queue = self.instance.queue()
        junk = [m["queue_id"] for m in queue if any(r["address"] == JUNK for r in m["recipients"])]
        if junk:
            done = self.instance.run("postsuper", "-c", self.instance.dir, "-d", "-", input="\n".join(junk) + "\n")
            self.count("junk deleted", sum(map(int, re.findall(r"Deleted: (\d+)", done.stderr))))
        for what, option, ids in (("released", "-H", ["ALL"]), ("put on hold", "-h", [m["queue_id"] for m in queue][:3])):
            if ids and rng.random() < 0.5:
                done = self.instance.run("postsuper", "-c", self.instance.dir, option, "-", input="\n".join(ids) + "\n")
                self.count(what, sum(map(int, re.findall(r": (\d+) message", done.stderr))))

    def end(self):
        self.stop.set()
        for thread in self.threads:
            thread.join(90)
            assert not thread.is_alive(), "a client hangs"


def victims(instance, kind):
    pattern = re.compile(r"(\S*/)?(%s)( |$)" % KINDS[kind])
    return [pid for pid, line in instance.processes().items() if pattern.match(line)]


def kill(pid):
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        return False
    return True


def storm(instance, rng):
    """KILLS kills; how many of each kind."""
    killed = dict.fromkeys([*KINDS, "everything"], 0)
    deadline = time.monotonic() + 60 + 3 * KILLS
    while sum(killed.values()) < KILLS and time.monotonic() < deadline:
        time.sleep(rng.uniform(0.02, 0.3))
        if rng.random() < 0.08:
            # As a power cut of the processes; now and then again while it starts.
            for pid in instance.processes():
                kill(pid)
            killed["everything"] += 1
            instance.malote("start", check=False)
            continue
        kind = rng.choice(list(KINDS))
        pids = victims(instance, kind)
        if pids and kill(rng.choice(pids)):
            killed[kind] += 1
    return killed


class Seen:
    """What has arrived: (tag, recipient) -> how often."""

    def __init__(self, instance, sink, load):
        self.found, self.garbled, self.torn = {}, list(load.garbled), 0
        for name in ("ana", "eva"):
            for text in instance.mailbox(name):
                self.add(read(text), name + "@example.test", text)
        for text in read_mbox(instance.dir / "mail" / "mbox" / "box"):
            # Who was killed while it wrote there has left the beginning of a message.
            if read(text) is None:
                self.torn += 1
            else:
                self.add(read(text), "box@example.test", text)
        for _, recipients, text in list(sink.messages):
            for recipient in recipients:
                self.add(read(text), re.search("<(.*)>", recipient).group(1), text)
        for tag, deleted in load.fetched.items():
            key = tag, "ana@example.test"
            self.found[key] = self.found.get(key, 0) + 1 if deleted else max(self.found.get(key, 0), 1)

    def add(self, tag, recipient, text):
        if tag is None:
            self.garbled.append((recipient, text[:300]))
        else:
            self.found[tag, recipient] = self.found.get((tag, recipient), 0) + 1


def set_up(instance, sink, segment_size):
    instance.user("ana")
    instance.user("eva")
    mbox = instance.dir / "mail" / "mbox"
    mbox.mkdir()
    mbox.chmod(0o777)
    master = instance.dir / "master.cf"
    master.write_text(re.sub(r"(?m)^(\S+\s+(?:inet|unix)\s+n\s+-\s+)n(?=\s.*\s(smtpd|pickup)$)", r"\1y", master.read_text()))
    aka = "proxy:" + instance.table("aka", "".join("%s %s\n" % pair for pair in ALIASES.items()))
    banned = "proxy:" + instance.table("banned", BANNED + " REJECT\n")
    to_sink = "smtp:[127.0.0.1]:%d" % sink.port
    instance.set(
        journal_segment_size=segment_size, transport_maps="inline:{ { remote.test = %s } { nowhere.test = smtp:[127.0.0.1]:%d } }" % (
            to_sink, harness.free_port()),
        virtual_mailbox_maps="inline:{ { box@example.test = mbox/box } } " + instance.get("virtual_mailbox_maps"),
        virtual_alias_maps="%s %s" % (instance.get("virtual_alias_maps"), aka),
        smtpd_recipient_restrictions="check_recipient_access %s, check_recipient_access inline:{ { held@remote.test = HOLD } }" % banned,
        mailbox_size_limit="0", virtual_mailbox_limit="0", stale_lock_time="2s", service_throttle_time="1s", minimal_backoff_time="1s", maximal_backoff_time="2s", queue_run_delay="1s",
        transport_retry_time="1s", smtpd_client_connection_count_limit="0", smtpd_peername_lookup="no",
        smtpd_hard_error_limit="1000", smtpd_soft_error_limit="1000")


def wait_for_all(instance, sink, load, seconds):
    """Until everything has arrived, or nothing has for a while.  What is missing, and what was seen."""
    last, since = None, time.monotonic()
    deadline = since + seconds
    while True:
        seen = Seen(instance, sink, load)
        missing = load.acknowledged - set(seen.found)
        if len(missing) != last:
            last, since = len(missing), time.monotonic()
        if not missing or time.monotonic() > deadline or time.monotonic() > since + 40:
            return missing, seen
        instance.run("postsuper", "-c", instance.dir, "-H", "ALL", check=False)
        instance.run("postqueue", "-c", instance.dir, "-f", check=False)
        time.sleep(1)


@pytest.mark.parametrize("segment_size", ["0", "4194304"], ids=["files", "journal"])
def test_kill_9(instance, closing, capsys, segment_size):
    rng = random.Random(SEED)
    later = threading.Event()
    sink = closing(harness.Sink({"RCPT": lambda line: "451 4.2.0 later" if "late@" in line and not later.is_set()
                                 and rng.random() < 0.5 else None}))
    set_up(instance, sink, segment_size)
    instance.start()
    jail = {str(instance.spool) if harness.IS_ROOT else "/"}
    harness.wait_until("smtpd to be in its chroot",
                       lambda: {os.readlink("/proc/%d/root" % pid) for pid in victims(instance, "smtpd")} == jail)
    load = Load(instance, SEED)
    try:
        killed = storm(instance, rng)
    finally:
        load.end()
    later.set()
    if instance.malote("status", check=False).returncode != 0:
        instance.malote("start")
    missing, seen = wait_for_all(instance, sink, load, 180)
    twice = sum(n - 1 for n in seen.found.values())
    with capsys.disabled():
        print("\nCRASH_SEED=%d: kills %s; %s; recipients acknowledged %d, lost %d, garbled %d, delivered twice %d, "
              "beginnings left in the mbox %d" % (SEED, killed, load.counts, len(load.acknowledged), len(missing),
                                                  len(seen.garbled), twice, seen.torn))
    bounced = re.findall(r"^.* to=<(?!x@).*status=bounced.*$", instance.log(), re.M)
    assert not missing, "lost %s\n%s\n%s" % (sorted(missing)[:10], "\n".join(bounced[:5]), instance.log()[-3000:])
    assert not seen.garbled, seen.garbled[:3]
    assert not load.wrong and load.counts["banned"], load.wrong[:5]
    assert sum(killed.values()) >= KILLS * 0.9, killed
    assert all(killed[kind] for kind in KINDS) or KILLS < 100, killed
    assert load.acknowledged
