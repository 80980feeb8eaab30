"""The spool in trouble: a disk without blocks or inodes while mail is delivered, deferred and bounced, settings that change
with messages in the journals, messages of the sizes where something changes.  What was acknowledged comes once.

SPOOL=all takes all kinds, and longer: two minutes."""
import collections
import contextlib
import os
import pathlib
import re
import smtplib
import sys
import time

import pytest

import harness

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent / "faults"))
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))

import orders  # noqa: E402
import test_disk  # noqa: E402
from test_disk import call, disk, fill, workers  # noqa: E402,F401

pytestmark = pytest.mark.skipif(not harness.IS_ROOT, reason="mounting takes root")
ALL = os.environ.get("SPOOL") == "all"
TO = ["ana@example.test", "x@later.test", "no@bounce.test"]


class Load(test_disk.Load):
    """By SMTP and by sendmail, to a mailbox, to a host that says later, and to one that does not take it."""
    sender = "eva@example.test"

    def __init__(self, instance, clients=3, senders=1, sizes=(300, 20000), pause=0.02):
        self.sizes, self.pause, self.smtp_clients, self.slowest = sizes, pause, clients, 0
        super().__init__(instance, TO, clients + senders)

    def run(self, client_number):
        how = self.send if client_number < self.smtp_clients else self.sendmail
        number = 0
        while not self.stop.is_set():
            number += 1
            tag, to = "f%d-%d" % (client_number, number), self.recipients[number % len(self.recipients)]
            began = time.monotonic()
            try:
                how(tag, to, orders.message(tag, self.sizes[number // 3 % len(self.sizes)]))
            except (OSError, smtplib.SMTPException) as error:
                self.wrong.append("%s %r" % (tag, error))
            with self.lock:
                self.slowest = max(self.slowest, time.monotonic() - began)
            time.sleep(self.pause)

    def sendmail(self, tag, to, text):
        done = self.instance.run("sendmail", "-i", "-f", self.sender, to, input=text.replace("\r\n", "\n"), check=False)
        if done.returncode == 0:
            with self.lock:
                self.acknowledged[tag] = to
        else:
            self.refuse(done.returncode, done.stderr.encode())


def make(instance, sink, **settings):
    instance.user("ana")
    instance.user("eva")
    instance.set(transport_maps="inline:{ { later.test = smtp:[127.0.0.1]:%d } { bounce.test = error:5.1.1 no } }" % sink.port,
                 minimal_backoff_time="2s", maximal_backoff_time="2s", queue_run_delay="2s", transport_retry_time="1s",
                 smtpd_peername_lookup="no", smtpd_client_connection_count_limit="0",
                 **{**dict(journal_segment_size="1048576", journal_segments_max="2"), **settings})


def seen(instance, sink):
    """tag -> how often"""
    found = collections.Counter(orders.whole_tags(instance.mailbox("ana")) + orders.whole_tags([m[2] for m in sink.messages]))
    for text in instance.mailbox("eva"):
        tags = set(re.findall(rb"^Subject: (f\d\S+)\s*$", text, re.M))
        assert len(tags) == 1, text[:3000]
        found[tags.pop().decode()] += 1
    return found


def check(instance, sink, load, twice=0, timeout=120):
    deadline = time.monotonic() + timeout
    while set(load.acknowledged) - set(seen(instance, sink)) and time.monotonic() < deadline:
        instance.run("postqueue", "-c", instance.dir, "-f", check=False)
        time.sleep(0.5)
    there = seen(instance, sink)
    missing = set(load.acknowledged) - set(there)
    time.sleep(1)
    there = seen(instance, sink)
    dup = {t: n for t, n in there.items() if n > 1}
    assert load.slowest < 50 and all(re.match(r"4|75 |-", r) for r in load.refused), (load.slowest, load.refused, load.wrong[:10])
    assert not missing, (sorted(missing)[:10], instance.queue()[:5], os.listdir(instance.spool / "journal"))
    assert len(dup) <= twice, dup
    instance.wait_empty()


@contextlib.contextmanager
def load_on(disk, instance, closing, kind, size, options=(), **settings):
    """Gives (load, spool, sink): a spool on a small file system, and mail that arrives.  At the end it must be taken again."""
    answers = {"EHLO": "421 4.3.2 later"}
    sink = closing(harness.Sink(rules=answers))
    make(instance, sink, message_size_limit="100000", queue_directory=instance.dir / "small", **settings)
    spool = disk(kind, size << 20, instance.dir / "small", options=options)
    instance.start()
    load = Load(instance)
    try:
        harness.wait_until("some mail", lambda: len(load.acknowledged) > 60, 60)
        yield load, spool, sink
        count = len(load.acknowledged)
        harness.wait_until("mail to be taken again", lambda: len(load.acknowledged) > count + 20, 60)
    finally:
        load.end()
    answers.clear()


@pytest.mark.parametrize("kind, size", [("ext4", 24), ("ext4", 60), ("xfs", 340)][:3 if ALL else 1])
def test_blocks(disk, instance, closing, kind, size):
    """24 MiB have no room for a journal segment from the beginning."""
    with load_on(disk, instance, closing, kind, size) as (load, spool, sink):
        before = workers(instance)
        for _ in range(9 if ALL else 5):
            filler = fill(spool)
            time.sleep(1)
        filler.unlink()
    assert workers(instance) >= before and not load.wrong, (load.wrong[:5], instance.log()[-3000:])
    assert load.refused
    check(instance, sink, load)


def fill_inodes(place):
    (place / "many").mkdir(exist_ok=True)
    n = 0
    try:
        while True:
            n += 1
            open(place / "many" / ("%d-%f" % (n, time.time())), "x").close()
    except OSError:
        return n


def test_inodes(disk, instance, closing):
    with load_on(disk, instance, closing, "ext4", 60, ["-N", "2000"]) as (load, spool, sink):
        before = workers(instance)
        for _ in range(9 if ALL else 5):
            fill_inodes(spool)
            time.sleep(1)
        call("rm", "-r", spool / "many")
    assert workers(instance) >= before and not load.wrong, (load.wrong[:5], instance.log()[-3000:])
    check(instance, sink, load)


def test_full_and_restarts(disk, instance, closing):
    """Everything is killed, stopped and reloaded while the disk is full."""
    with load_on(disk, instance, closing, "ext4", 60, queue_minfree="1") as (load, spool, sink):
        for n in range(10 if ALL else 3):
            filler = fill(spool)
            time.sleep(1)
            if n % 4 == 0:
                instance.kill()
                instance.start()
            elif n % 4 == 2:
                instance.malote("stop")
                instance.start()
            else:
                instance.malote("reload")
        filler.unlink()
    check(instance, sink, load, twice=1000)


def settings_over(instance, changes, how):
    for change in changes:
        time.sleep(1.5 if ALL else 0.4)
        instance.set(**change)
        if how == "reload":
            instance.malote("reload")
        elif how == "restart":
            instance.malote("stop")
            instance.start()
        else:
            instance.kill()
            instance.start()


@pytest.mark.parametrize("how", ["reload", "restart", "kill"] if ALL else ["reload"])
def test_settings_change(instance, closing, how):
    """journal_segment_size, journal_segments_max, journal_message_limit, hash_queue_depth, service_workers"""
    answers = {"EHLO": "421 4.3.2 later"}
    sink = closing(harness.Sink(rules=answers))
    make(instance, sink, message_size_limit="1000000")
    instance.start()
    load = Load(instance, sizes=(300, 20000, 200000, 300000))
    try:
        settings_over(instance, [
            {"journal_segment_size": "0"}, {"journal_segment_size": "67108864"}, {"journal_segments_max": "1"},
            {"journal_segments_max": "2", "message_size_limit": "0"},
            {"journal_segments_max": "16", "journal_segment_size": "4096"}, {"journal_segment_size": "1048576", "service_workers": "1"},
            {"service_workers": "6", "journal_message_limit": "900000"}, {"hash_queue_depth": "3", "hash_queue_names": "deferred active hold"},
            {"hash_queue_depth": "1", "service_workers": "2", "journal_message_limit": "4096"},
            {"journal_message_limit": "10000000", "journal_segment_size": "1073741824"}], how)
    finally:
        load.end()
    answers.clear()
    check(instance, sink, load, twice=1000 if how == "kill" else 0)


def test_stop_and_start(instance, closing):
    """Nobody is killed, so nothing comes twice."""
    answers = {"EHLO": "421 4.3.2 later"}
    sink = closing(harness.Sink(rules=answers))
    make(instance, sink)
    instance.start()
    load = Load(instance, clients=6, pause=0)
    try:
        for n in range(12 if ALL else 5):
            time.sleep(0.7)
            if n % 3 == 2:
                instance.malote("reload")
            else:
                instance.malote("stop")
                instance.start()
            if n == 3:
                answers.clear()
    finally:
        load.end()
    check(instance, sink, load)


def exact(tag, size):
    """A message of exactly `size` bytes as it is sent."""
    head = "Subject: %s\r\n\r\n" % tag
    left = size - len(head)
    lines, rest = divmod(left, 72)
    if rest == 1 or rest == 0:
        lines, rest = lines - 1, rest + 72
    return head + ("y" * 70 + "\r\n") * lines + "z" * (rest - 2) + "\r\n"


@pytest.mark.parametrize("segment, limit", [(1048576, 262144), (16777216, 4194304), (1052672, 262144), (8192, 4096)][:4 if ALL else 1])
def test_sizes(instance, closing, segment, limit):
    sink = closing(harness.Sink())
    make(instance, sink, journal_segment_size=str(segment), journal_message_limit=str(limit), message_size_limit="0",
         virtual_mailbox_limit="0", mailbox_size_limit="0", service_workers="1", smtpd_discard_ehlo_keywords="size")
    instance.start()
    edges = sorted({
        e + d for e in (segment // 4, limit, segment // 4 - 512, segment // 4 - 700, (4 << 20) - 512, 4096, 8192) if e <= 17000000
        for d in (-1400, -1000, -800, -700, -600, -520, -512, -400, -96, -64, -2, -1, 0, 1, 2, 64, 512)})
    if limit > 1000000:
        edges = edges[::5]
    sums = {}
    with smtplib.SMTP("127.0.0.1", instance.ports["smtp"], timeout=60) as client:
        for n, size in enumerate(e for e in edges if e > 100):
            tag = "e%d-%d" % (n, size)
            client.sendmail("eva@example.test", ["ana@example.test"], exact(tag, size))
            sums[tag] = size

    def count():
        return sum(1 for p in (instance.dir / "mail" / "ana" / "new").iterdir())

    harness.wait_until("all", lambda: count() >= len(sums), 120)
    time.sleep(1)
    got = collections.Counter()
    for content in instance.mailbox("ana"):
        tag = re.search(rb"^Subject: (e\S+)", content, re.M).group(1).decode()
        got[tag] += 1
        body = content.replace(b"\r\n", b"\n").split(b"\n\n", 1)[1].rstrip(b"\n")
        want = exact(tag, sums[tag]).replace("\r\n", "\n").split("\n\n", 1)[1].rstrip("\n").encode()
        assert body == want, (tag, len(body), len(want))
    assert set(got) == set(sums) and max(got.values()) == 1
    instance.wait_empty()
