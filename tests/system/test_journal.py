"""The journal: messages that have no file are as safe and as visible as others."""
import os
import re
import signal
import smtplib
import socket
import threading
import time

import pytest

import harness


def pids(instance, kind):
    return [pid for pid, line in instance.processes().items() if os.path.basename(line.split(" ")[0]) == kind]


def the_qmgr(instance):
    harness.wait_until("qmgr to run", lambda: len(pids(instance, "qmgr")) == 1)
    return pids(instance, "qmgr")[0]


def send(instance, recipient, count=1, size=10):
    """Send `count` messages in one session; all must be acknowledged."""
    with smtplib.SMTP("127.0.0.1", instance.ports["smtp"], timeout=20) as client:
        for number in range(count):
            client.sendmail("eva@far.test", [recipient], "Subject: %s-%d\r\n\r\n%s\r\n" % (recipient, number, ("x" * 70 + "\r\n") * (size // 72 + 1)))


@pytest.fixture
def small(instance):
    """An instance with small segments, somewhere to discard to and a dead host."""
    instance.user("ana")
    instance.set(transport_maps="inline:{ { gone.test = discard: } { dead.test = smtp:[127.0.0.1]:%d } }" % harness.free_port(),
                 journal_segment_size="1048576", journal_segments_max="2", smtpd_recipient_limit="1000",
                 minimal_backoff_time="1h", maximal_backoff_time="1h", maillog_file=instance.get("maillog_file"))
    instance.start()
    return instance


def segments(instance):
    return [name for name in os.listdir(instance.spool / "journal") if re.fullmatch(r"[0-9a-f-]+", name)]


def files(instance, queue):
    return sum(len(names) for _, _, names in os.walk(instance.spool / queue))


def test_what_is_delivered_at_once_never_is_a_file(small):
    send(small, "x@gone.test", 20)
    small.wait_log(r": removed", count=20)
    assert len(segments(small)) in (1, 2)
    assert files(small, "incoming") == files(small, "active") == files(small, "deferred") == 0


def test_segments_are_used_again(small):
    for _ in range(5):
        send(small, "x@gone.test", 200, 4000)
        send(small, "y@dead.test", 2, 4000)
    small.wait_log(r"x@gone\.test.*status=sent", count=1000, timeout=60)
    harness.wait_until("the others to be deferred", lambda: files(small, "deferred") == 10)
    assert len(segments(small)) <= 2 * len(pids(small, "smtpd"))
    assert len(small.queue()) == 10
    ids = re.findall(r"smtpd\[\d+\]: (\w+): client=", small.log())
    assert len(set(ids)) == 1010
    removed = re.findall(r"(\w+): removed", small.log())
    assert len(removed) == len(set(removed)) == 1000


def test_more_than_segments_hold_while_qmgr_hangs(small):
    qmgr = the_qmgr(small)
    send(small, "x@gone.test")
    os.kill(qmgr, signal.SIGSTOP)
    try:
        send(small, "x@gone.test", 280, 8000)
        assert files(small, "incoming") > 50
    finally:
        os.kill(qmgr, signal.SIGCONT)
    small.wait_log(r": removed", count=281, timeout=60)
    small.wait_empty()


def test_they_survive_and_are_seen_while_all_is_down(small):
    qmgr = the_qmgr(small)
    send(small, "x@gone.test")
    small.wait_log(r": removed")
    harness.wait_until("it to be noted", lambda: any(path.stat().st_size for path in (small.spool / "journal").glob("*.o")))
    os.kill(qmgr, signal.SIGSTOP)
    send(small, "ana@example.test", 3)
    for pid in pids(small, "master") + list(small.processes()):
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
    harness.wait_until("the end", lambda: not small.processes())
    assert files(small, "incoming") == 0
    ids = re.findall(r"(\w+): client=", small.log())[1:]
    assert len(ids) == 3
    gone = ids[0]
    if harness.IS_ROOT:
        out = small.run("postqueue", "-c", small.dir, "-p").stdout
        assert all(queue_id in out for queue_id in ids) and "in 3 Requests" in out
        assert "Subject: ana@example.test-1" in small.run("postcat", "-c", small.dir, "-q", ids[1]).stdout
        done = small.run("postsuper", "-c", small.dir, "-d", gone)
        assert "Deleted: 1 message" in done.stderr + done.stdout
        assert segments(small) == []
    small.start()
    small.wait_mail("ana", 2 if harness.IS_ROOT else 3)
    small.wait_empty()
    time.sleep(0.5)
    subjects = re.findall(r"Subject: (\S+)", "".join(str(m) for m in small.mailbox("ana")))
    assert len(subjects) == len(set(subjects)) == (2 if harness.IS_ROOT else 3)
    harness.wait_until("what dead writers left to be removed", lambda: len(segments(small)) == 0)


def test_qmgr_comes_back_and_nothing_is_sent_twice(small):
    for round_number in range(5):
        qmgr = the_qmgr(small)
        send(small, "x@gone.test", 50)
        time.sleep(0.3)
        os.kill(qmgr, signal.SIGKILL)
        send(small, "x@gone.test", 50)
        small.wait_log(r": removed", count=100 * (round_number + 1), timeout=30)
    small.wait_empty()
    removed = re.findall(r"(\w+): removed", small.log())
    assert len(set(removed)) == 500
    assert len(removed) == 500


def test_held_and_deleted_from_the_journal(instance):
    """While its agent does not answer, a message is only in the journal."""
    instance.user("ana")
    port = harness.free_port()
    instance.set(transport_maps="inline:{ { slow.test = smtp:[127.0.0.1]:%d } }" % port, smtp_helo_timeout="60s",
                 journal_segment_size="67108864")
    instance.start()
    with socket.create_server(("127.0.0.1", port)):   # accepts, says nothing
        send(instance, "a@slow.test")
        send(instance, "b@slow.test")
        harness.wait_until("both to be active", lambda: len(instance.queue()) == 2)
        first, second = instance.queue()
        assert files(instance, "incoming") == 0
        assert "Subject: " in instance.run("postcat", "-c", instance.dir, "-q", first["queue_id"]).stdout
        done = instance.run("postsuper", "-c", instance.dir, "-d", first["queue_id"])
        assert "Deleted: 1 message" in done.stderr + done.stdout
        assert [m["queue_id"] for m in instance.queue()] == [second["queue_id"]]
        instance.run("postsuper", "-c", instance.dir, "-h", second["queue_id"])
    harness.wait_until("it to be held", lambda: [m["queue_name"] for m in instance.queue()] == ["hold"], timeout=30)
    assert files(instance, "hold") == 1


def test_all_are_deleted_from_the_journal(instance):
    port = harness.free_port()
    instance.set(transport_maps="inline:{ { slow.test = smtp:[127.0.0.1]:%d } }" % port, smtp_helo_timeout="60s",
                 journal_segment_size="67108864")
    instance.start()
    with socket.create_server(("127.0.0.1", port)):   # accepts, says nothing
        send(instance, "a@slow.test", 3)
        harness.wait_until("all to be active", lambda: len(instance.queue()) == 3)
        assert files(instance, "incoming") == files(instance, "active") == 0
        done = instance.run("postsuper", "-c", instance.dir, "-d", "ALL")
        assert "Deleted: 3 messages" in done.stderr + done.stdout
        assert instance.queue() == []


def slow_disk_for_qmgr(instance, ms):
    """Start it with flushes that take qmgr so long."""
    instance.set(import_environment=instance.get("import_environment") + " LD_PRELOAD CRASH_NOSYNC CRASH_SYNC_MS")
    instance.env["ASAN_OPTIONS"] += ":verify_asan_link_order=0"
    instance.env.update(LD_PRELOAD=harness.built_for_tests("libcrash_nosync.so"), CRASH_NOSYNC="qmgr", CRASH_SYNC_MS=str(ms))
    instance.start()
    del instance.env["LD_PRELOAD"]


def test_reports_that_are_being_written_at_the_end(instance):
    """qmgr is told to stop while it is at work on many bounces: each sender gets one, not two."""
    instance.user("ana")
    instance.set(transport_maps="inline:{ { no.test = error:5.1.1 no } }", smtpd_client_connection_count_limit="0")
    accepted = []

    def bounce(number):
        try:
            with smtplib.SMTP("127.0.0.1", instance.ports["smtp"], timeout=20) as client:
                for n in range(1000):
                    client.sendmail("ana@example.test", ["x@no.test"], "Subject: s%d-%d\r\n\r\n" % (number, n))
                    accepted.append("s%d-%d" % (number, n))
        except (OSError, smtplib.SMTPException):
            pass
    for turn in range(5):
        instance.start()
        senders = [threading.Thread(target=bounce, args=(turn * 10 + n,)) for n in range(8)]
        for sender in senders:
            sender.start()
        time.sleep(0.8)
        instance.stop()
        for sender in senders:
            sender.join()
    instance.start()

    def reported():
        return [re.search(rb"^Subject: (s\d+-\d+)", text, re.M).group(1).decode() for text in instance.mailbox("ana")]
    harness.wait_until("all to be reported", lambda: set(reported()) >= set(accepted), 60)
    instance.wait_empty()
    time.sleep(0.5)
    there = reported()
    assert accepted and len(there) == len(set(there)), sorted(t for t in there if there.count(t) > 1)


@pytest.mark.parametrize("option, word", [("-h", "placed on hold"), ("-d", "removed")])
def test_changing_what_is_delivered_meanwhile(instance, closing, option, word):
    """The disk is slow, and the attempt is over before the message has its file in hold/."""
    def slowly(line):
        time.sleep(1)
    sink = closing(harness.Sink({"EOD": slowly}))
    instance.set(journal_segment_size="1048576", transport_maps="inline:{ { far.test = smtp:[127.0.0.1]:%d } }" % sink.port)
    slow_disk_for_qmgr(instance, 2000)
    send(instance, "x@far.test")
    sink.wait()
    queue_id = re.search(r"(\w+): client=", instance.log()).group(1)
    qmgr = the_qmgr(instance)
    for _ in range(2):  # the second comes while the first is at work
        instance.run("postsuper", "-c", instance.dir, option, queue_id, check=False)
    instance.wait_log("%s: %s" % (queue_id, word))
    instance.wait_log("%s: to=<x@far.test>.*status=sent" % queue_id)
    harness.wait_until("the queue to be empty", lambda: not instance.queue())
    time.sleep(0.5)
    assert pids(instance, "qmgr") == [qmgr]
    assert files(instance, "hold") == files(instance, "deferred") == files(instance, "active") == 0


BACKLOG = int(os.environ.get("BACKLOG", "2500"))  # the long form: 10000


def fill_with_backlog(instance, count, start=harness.Instance.start):
    """`count` messages that wait for a host which says nothing, in two segments that are too small for them; the host."""
    host = socket.create_server(("127.0.0.1", 0))
    size = (max(count * 4096 * 2 // 5, 1 << 20) + 4095) // 4096 * 4096
    instance.set(transport_maps="inline:{ { gone.test = discard: } { slow.test = smtp:[127.0.0.1]:%d } }" % host.getsockname()[1],
                 journal_segment_size=size, journal_segments_max="2", service_workers="1", smtp_helo_timeout="600s",
                 maillog_file=instance.get("maillog_file"))
    start(instance)
    senders = [threading.Thread(target=send, args=(instance, "u@slow.test", count // 4, 3000)) for _ in range(4)]
    for sender in senders:
        sender.start()
    for sender in senders:
        sender.join()
    return host


def test_a_segment_that_is_wanted_again(instance, capsys):
    """Its messages get files as fast as the disk takes them, not so many a second; and all of them go on from there."""
    with fill_with_backlog(instance, BACKLOG) as host:
        began, last = time.monotonic(), BACKLOG * 3 // 5  # what was accepted since stays in the newer segment
        harness.wait_until("the older segment to be free", lambda: files(instance, "active") + files(instance, "incoming") >= last, 300)
        took = time.monotonic() - began
        assert took < 4 + BACKLOG / 500
        assert len(instance.queue()) == BACKLOG
        send(instance, "x@gone.test")  # at once, whatever waits
        instance.wait_log(r"x@gone\.test.*status=sent", timeout=5)
        port = host.getsockname()[1]
    with capsys.disabled():
        print("\n%d waiting messages: the older segment was free after %.1f s" % (BACKLOG, took))
    sink = harness.Sink(port=port)
    try:
        instance.malote("stop")
        instance.start()
        instance.run("postqueue", "-f")
        harness.wait_until("all to be sent", lambda: len(sink.messages) >= BACKLOG, 60 + BACKLOG / 50)
        instance.wait_empty()
        accepted = re.findall(r"smtpd\[\d+\]: (\w+): client=", instance.log())
        sent = re.findall(r"(\w+): to=<u@slow\.test>.*status=sent", instance.log())
        assert len(sent) == BACKLOG and len(set(accepted)) == BACKLOG + 1 and set(sent) < set(accepted)
    finally:
        sink.close()


def test_a_disk_that_hangs_while_a_segment_is_wanted_again(instance):
    """Who gives messages files leaves threads to others, however long he waits for each."""
    with fill_with_backlog(instance, 800, lambda instance: slow_disk_for_qmgr(instance, 2000)):
        time.sleep(3)  # qmgr looks every second for what is in the way
        for _ in range(3):
            began = time.monotonic()
            assert len(instance.queue()) == 800
            assert time.monotonic() - began < 5
            send(instance, "x@gone.test")
    instance.wait_log(r"x@gone\.test.*status=sent", count=3, timeout=5)


class SlowSink(harness.Sink):
    """A next hop that says 354 to its first client only when it is told to."""

    def __init__(self):
        self.gate = threading.Event()
        self.waiting = threading.Event()
        super().__init__({"DATA": self.go_ahead})

    def go_ahead(self, line):
        if not self.waiting.is_set():
            self.waiting.set()
            self.gate.wait(60)
        return "354 go ahead"


def fill_all_segments(instance, times):
    """Have every segment written over, if it may be."""
    before = len(re.findall(r"x@gone\.test.*status=sent", instance.log()))
    for _ in range(times):
        send(instance, "x@gone.test", 150, 8000)
    instance.wait_log(r"x@gone\.test.*status=sent", count=before + 150 * times, timeout=90)


@pytest.mark.parametrize("how", ["qmgr is killed", "it is deleted", "it is held", "it gets a file"])
def test_what_an_agent_still_reads_is_not_written_over(small, closing, how):
    """An agent that qmgr has lost, or that is at a message which was deleted or given a file meanwhile, never sends the bytes of
    others."""
    sink = closing(SlowSink())
    small.set(transport_maps="inline:{ { gone.test = discard: } { slow.test = smtp:[127.0.0.1]:%d } }" % sink.port, service_workers="1")
    small.run("malote", "reload")
    send(small, "rui@slow.test", size=6000)
    assert sink.waiting.wait(20)
    if how == "qmgr is killed":
        os.kill(the_qmgr(small), signal.SIGKILL)
        harness.wait_until("it to be sent by the next one", lambda: len(sink.messages) == 1, timeout=30)
    elif how == "it gets a file":  # for being slow, once its segment is full
        fill_all_segments(small, 2)
        harness.wait_until("it to have a file", lambda: files(small, "active") == 1)
    elif how == "it is held":
        assert "Placed on hold: 1 message" in small.run("postsuper", "-h", "ALL").stderr
    else:
        assert "Deleted: 1 message" in small.run("postsuper", "-d", "ALL").stderr
    fill_all_segments(small, 6)
    seen = len(sink.messages)
    sink.gate.set()
    harness.wait_until("the first to go on", lambda: len(sink.messages) == seen + 1)
    for _, _, content in sink.messages:
        assert b"Subject: rui@slow.test-0" in content
        assert content.count(b"\r\n" + b"x" * 70) == 6000 // 72 + 1
    fill_all_segments(small, 4)
    harness.wait_until("what the worker before the reload left to be removed",
                       lambda: len(segments(small)) <= 2 * len(pids(small, "smtpd")))


@pytest.mark.parametrize("option", ["-d", "-h", "-r"])
def test_postsuper_leaves_alone_what_is_being_received(small, option):
    """A large message has a file while it comes in, and is nobody's to delete before its sender was told 250."""
    with smtplib.SMTP("127.0.0.1", small.ports["smtp"], timeout=20) as client:
        client.ehlo()
        client.mail("eva@far.test")
        client.rcpt("ana@example.test")
        assert client.docmd("DATA")[0] == 354
        client.sock.sendall(b"Subject: large\r\n\r\n" + (b"y" * 70 + b"\r\n") * 8000)
        harness.wait_until("it to have a file", lambda: files(small, "incoming") == 1)
        small.run("postsuper", option, "ALL")
        client.sock.sendall(b".\r\n")
        assert client.getreply()[0] == 250
    small.wait_mail("ana")
    small.wait_empty()
    assert files(small, "hold") == files(small, "corrupt") == 0
