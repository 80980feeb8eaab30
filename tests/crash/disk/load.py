"""load.py WORK FILESYSTEM SECONDS SEGMENT_SIZE [PROGRAM ...]: the first half of a power cut.

Runs in namespaces of its own (test_powercut.py makes them): makes a file system on a recorded disk, puts a malote
on it, and lets clients, people and next hops be busy with it.  WORK/log and WORK/base are the disk's record,
WORK/load.json says what is owed: positions are numbers of records.  In the programs that are named, fsync does nothing.
"""
import json
import os
import pathlib
import random
import re
import smtplib
import sys
import threading
import time

from disk import Disk, run
import harness  # found by way of disk
import messages

# How often, to whom, and where it then belongs.
TARGETS = (
    (25, ["ana@example.test"], ["ana"]),
    (12, ["eva@example.test"], ["eva"]),
    (12, ["rui@example.test"], ["rui"]),
    (8, ["team@example.test"], ["ana", "rui"]),
    (6, ["all@localhost.example.test"], ["eva", "z@remote.test"]),
    (15, ["x@remote.test"], ["x@remote.test"]),
    (12, ["x@slow.test"], ["x@slow.test"]),
    (4, ["x@dead.test"], ["x@dead.test"]),
    (6, ["ana@example.test", "y@remote.test", "y@slow.test"], ["ana", "y@remote.test", "y@slow.test"]),
)
SIZES = (10, 400, 3000, 3000, 6000, 20000, 150000)  # the last is above journal_message_limit


class Noted(list):
    """What a sink took, each with the position when it did: list of (message, position)."""

    def __init__(self, disk):
        super().__init__()
        self.disk = disk

    def append(self, message):
        super().append((message, self.disk.position()))


class Load:
    def __init__(self, instance, disk):
        self.instance, self.disk = instance, disk
        self.owed = {}  # tag: {"places", "ack", "id", "deleted": position before, "gone": position after}
        self.waiting = []  # tags that are likely to be in the queue for a while
        self.held = []
        self.done = {"held": 0, "released": 0, "deleted": 0}
        self.tried = 0
        self.stop = threading.Event()
        self.troubles = []

    def choose(self):
        _, to, places = random.choices(TARGETS, [t[0] for t in TARGETS])[0]
        return to, places, random.choice(SIZES)

    def acknowledged(self, tag, to, places, queue_id=None):
        self.owed[tag] = {"places": places, "ack": self.disk.position(), "id": queue_id, "deleted": None, "gone": None}
        if queue_id and to[0] in ("x@slow.test", "x@dead.test"):
            self.waiting.append(tag)

    def smtp(self, number):
        count = 0
        while not self.stop.is_set():
            with smtplib.SMTP("127.0.0.1", self.instance.ports["smtp"], timeout=30) as client:
                client.ehlo("client.far.test")
                for _ in range(random.randrange(1, 20)):
                    count += 1
                    self.tried += 1
                    tag = "c%d-%d" % (number, count)
                    to, places, size = self.choose()
                    client.mail("x@far.test")
                    for recipient in to:
                        client.rcpt(recipient)
                    code, words = client.data(messages.make(tag, size))
                    if code == 250:
                        self.acknowledged(tag, to, places, re.search(rb"queued as (\w+)", words).group(1).decode())
                    if self.stop.is_set():
                        break

    def sendmail(self, number):
        count = 0
        while not self.stop.wait(0.2):
            count += 1
            self.tried += 1
            tag = "s%d-%d" % (number, count)
            to, places, size = self.choose()
            if self.instance.run("sendmail", "-f", "x@far.test", *to, input=messages.make(tag, size), check=False).returncode == 0:
                self.acknowledged(tag, to, places)

    def people(self, _):
        """Hold, release, delete what waits."""
        while not self.stop.wait(0.05):
            if not self.waiting:
                continue
            tag = self.waiting.pop(random.randrange(len(self.waiting)))
            what = random.choice(("hold", "hold", "release", "delete"))
            if what == "release" and self.held:
                self.done["released"] += self.super("-H", self.held.pop(random.randrange(len(self.held))))
            elif what == "delete":
                self.owed[tag]["deleted"] = self.disk.position()
                if self.super("-d", tag):
                    self.owed[tag]["gone"] = self.disk.position()
                    self.done["deleted"] += 1
            elif self.super("-h", tag):
                self.held.append(tag)
                self.done["held"] += 1

    def super(self, option, tag):
        done = self.instance.run("postsuper", "-c", self.instance.dir, option, self.owed[tag]["id"], check=False)
        return int(bool(re.search(r": 1 message", done.stderr + done.stdout)))

    def guarded(self, fn, number):
        try:
            fn(number)
        except Exception as error:  # said at the end: the load may not be smaller than it looks
            self.troubles.append("%s: %s: %s" % (fn.__name__, type(error).__name__, error))

    def run(self, seconds):
        threads = [threading.Thread(target=self.guarded, args=(fn, i))
                   for i, fn in enumerate([self.smtp] * 6 + [self.sendmail, self.people])]
        for thread in threads:
            thread.start()
        time.sleep(seconds)
        for _ in range(60):  # a slow machine
            if all(self.done.values()) or self.troubles:
                break
            time.sleep(0.5)
        end = self.disk.position()
        self.stop.set()
        for thread in threads:
            thread.join(60)
        if self.troubles:
            raise harness.Trouble("\n".join(self.troubles))
        return end


def configure(instance, sink, dead_port, segment_size, broken):
    for user in ("ana", "eva", "rui"):
        instance.user(user)
    table = (instance.dir / "vmailbox").read_text().splitlines()
    instance.table("vmailbox", "".join("rui@example.test rui.mbox\n" if line.startswith("rui@") else line + "\n" for line in table))
    instance.table("virtual", "team@example.test ana@example.test, rui@example.test\n")
    instance.aliases("all: eva@example.test, z@remote.test\npostmaster: root\n")
    here = "smtp:[127.0.0.1]:%d"
    instance.set(transport_maps="inline:{ { remote.test = %s } { slow.test = %s } { dead.test = %s } }" % (
                     here % sink.port, here % sink.port, here % dead_port),
                 journal_segment_size=segment_size, journal_segments_max="2", journal_message_limit="65536",
                 minimal_backoff_time="1s", maximal_backoff_time="2s", queue_run_delay="1s", transport_retry_time="1s",
                 smtpd_client_connection_count_limit="0", smtpd_peername_lookup="no", service_throttle_time="1s", stale_lock_time="3s",
                 smtpd_hard_error_limit="1000", smtpd_soft_error_limit="1000", smtp_destination_concurrency_failed_cohort_limit="0")
    if broken:
        instance.set(import_environment=instance.get("import_environment") + " LD_PRELOAD CRASH_NOSYNC")
        instance.env["ASAN_OPTIONS"] += ":verify_asan_link_order=0"
        instance.env["CRASH_NOSYNC"] = " ".join(broken)


def main():
    work, filesystem, seconds, segment_size, *broken = sys.argv[1:]
    work = pathlib.Path(work)
    run("ip", "link", "set", "lo", "up")
    disk = Disk(work, filesystem)
    instance = None
    try:
        instance = harness.Instance(work / "mnt" / "site")
        refused = random.Random(1)
        sink = harness.Sink({"RCPT": lambda line: "451 4.2.0 later" if "@slow.test" in line and refused.random() < 0.7 else None})
        sink.messages = Noted(disk)
        dead_port = harness.free_port()
        configure(instance, sink, dead_port, segment_size, broken)
        os.sync()
        begin = disk.position()
        if broken:
            instance.env["LD_PRELOAD"] = os.environ["CRASH_NOSYNC_SO"]
        instance.start()
        load = Load(instance, disk)
        end = load.run(float(seconds))
        instance.env.pop("LD_PRELOAD", None)
        instance.close()
        log = instance.log()
        told = {"folder": str(instance.folder), "ports": instance.ports, "sink": sink.port, "dead": dead_port, "begin": begin,
                "end": end, "owed": load.owed, "tried": load.tried, "people": load.done, "deferred": log.count("status=deferred"),
                "sunk": [(messages.check(m[2])[0], messages.addresses(m[1]), at) for m, at in sink.messages]}
        (work / "load.json").write_text(json.dumps(told))
    except BaseException:
        if instance:
            print(instance.log()[-4000:], file=sys.stderr)
            instance.stop()
        raise
    finally:
        disk.close()


main()
