"""kill -9 of every process under load: what was acknowledged is there.

CRASH_KILLS says how many kills (50; the long mode is 1000).  A message counts
as acknowledged when its 250 was read to the end, or sendmail exited with 0.
Afterwards each must be in a mailbox, in the sink, or in the queue; how many
came twice is printed.
"""
import os
import random
import re
import signal
import smtplib
import socket
import threading
import time

import pytest

import harness

KILLS = int(os.environ.get("CRASH_KILLS", "50"))
KINDS = ("smtpd", "qmgr", "pickup", "relay", "local", "master")


class Load:
    """Clients that send numbered messages until they are told to stop."""

    def __init__(self, instance, clients):
        self.instance = instance
        self.acknowledged = set()
        self.attempts = 0
        self.stop = threading.Event()
        self.lock = threading.Lock()
        self.threads = [threading.Thread(target=self.smtp, args=(i,)) for i in range(clients)]
        self.threads.append(threading.Thread(target=self.sendmail))
        for thread in self.threads:
            thread.start()

    def recipient(self, number):
        return ("ana@example.test", "rui@remote.test", "eva@example.test")[number % 3]

    def smtp(self, client_number):
        number = 0
        while not self.stop.is_set():
            try:
                with smtplib.SMTP("127.0.0.1", self.instance.ports["smtp"], timeout=10) as client:
                    client.ehlo("client.far.test")
                    for _ in range(10):
                        number += 1
                        tag = "k%d-%d" % (client_number, number)
                        self.attempts += 1
                        client.mail("x@far.test")
                        client.rcpt(self.recipient(number))
                        code, _ = client.data("Subject: %s\r\n\r\n%s\r\nend of %s\r\n" % (tag, "x" * random.choice((10, 4000, 300000)), tag))
                        if code == 250:
                            with self.lock:
                                self.acknowledged.add(tag)
                        if self.stop.is_set():
                            break
            except (OSError, smtplib.SMTPException, socket.timeout):
                time.sleep(0.02)

    def sendmail(self):
        number = 0
        while not self.stop.is_set():
            number += 1
            tag = "ks-%d" % number
            self.attempts += 1
            done = self.instance.run("sendmail", "-f", "x@far.test", self.recipient(number),
                                     input="Subject: %s\n\nend of %s\n" % (tag, tag), check=False)
            if done.returncode == 0:
                with self.lock:
                    self.acknowledged.add(tag)
            time.sleep(0.05)

    def end(self):
        self.stop.set()
        for thread in self.threads:
            thread.join(60)


def victims(instance, kind):
    return [pid for pid, line in instance.processes().items()
            if os.path.basename(line.split(" ")[0]) == kind
            or kind == "relay" and re.match(r"\S*/?(relay|smtp)( |$)", line)
            or kind == "local" and re.match(r"\S*/?(local|virtual)( |$)", line)]


def seen_tags(messages):
    found = []
    for message in messages:
        tag = re.search(rb"^Subject: (k\S+)\r?$", message, re.M)
        assert tag, message[:500]
        tag = tag.group(1).decode()
        assert re.search(rb"^end of %s\r?$" % tag.encode(), message, re.M), "half a message: %s" % tag
        found.append(tag)
    return found


def collect(instance, sink):
    return seen_tags(instance.mailbox("ana") + instance.mailbox("eva") + [m[2] for m in sink.messages])


@pytest.mark.parametrize("segment_size", ["0", "4194304"], ids=["files", "journal"])
def test_kill_9(instance, closing, capsys, segment_size):
    sink = closing(harness.Sink())
    instance.user("ana")
    instance.user("eva")
    instance.set(journal_segment_size=segment_size, transport_maps="inline:{ { remote.test = smtp:[127.0.0.1]:%d } }" % sink.port,
                 service_throttle_time="1s", minimal_backoff_time="1s", maximal_backoff_time="2s", queue_run_delay="1s",
                 transport_retry_time="1s", smtpd_client_connection_count_limit="0", smtpd_peername_lookup="no",
                 smtpd_hard_error_limit="1000", smtpd_soft_error_limit="1000")
    instance.start()
    load = Load(instance, 6)
    killed = dict.fromkeys(KINDS, 0)
    try:
        for number in range(KILLS):
            time.sleep(random.uniform(0.05, 0.4))
            kind = random.choice(KINDS[:-1]) if number % 10 else "master"
            pids = victims(instance, kind)
            if not pids:
                continue
            if kind == "master":
                # Everything of this instance at once, as a power cut of the processes.
                for pid in instance.processes():
                    try:
                        os.kill(pid, signal.SIGKILL)
                    except ProcessLookupError:
                        pass
                time.sleep(0.2)
                instance.malote("start", check=False)
            else:
                try:
                    os.kill(random.choice(pids), signal.SIGKILL)
                except ProcessLookupError:
                    continue
            killed[kind] += 1
    finally:
        load.end()
    if not instance.malote("status", check=False).returncode == 0:
        instance.malote("start")
    assert sum(killed.values()) >= KILLS * 0.6, killed
    assert load.acknowledged

    def missing():
        return load.acknowledged - set(collect(instance, sink))
    deadline = time.monotonic() + 180
    while missing() and time.monotonic() < deadline:
        instance.run("postqueue", "-c", instance.dir, "-f", check=False)
        time.sleep(1)
    lost = missing()
    tags = collect(instance, sink)
    with capsys.disabled():
        print("\nkills %s; messages tried %d, acknowledged %d, lost %d, delivered twice %d" % (
            killed, load.attempts, len(load.acknowledged), len(lost), len(tags) - len(set(tags))))
    assert not lost, "%s\n%s" % (sorted(lost)[:10], instance.log()[-3000:])
