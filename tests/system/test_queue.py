"""The queue: what waits is seen, held, released, deleted, and survives."""
import os
import re
import signal
import smtplib
import socket
import threading
import time

import pytest

import harness


def send(instance, *recipients, sender="eva@far.test", subject="x"):
    with smtplib.SMTP("127.0.0.1", instance.ports["smtp"], timeout=20) as client:
        client.sendmail(sender, list(recipients), "Subject: %s\r\n\r\nbody\r\n" % subject)


@pytest.fixture
def waiting(instance):
    """An instance with one message that waits for a host that is not there."""
    port = harness.free_port()
    instance.user("ana")
    instance.set(transport_maps="inline:{ { dead.test = smtp:[127.0.0.1]:%d } }" % port,
                 minimal_backoff_time="1s", maximal_backoff_time="2s", queue_run_delay="1s")
    instance.dead_port = port
    instance.start()
    send(instance, "rui@dead.test")
    instance.wait_log(r"to=<rui@dead\.test>, relay=none, delay=[\d.]+, delays=\S+, dsn=4\.4\.1, status=deferred "
                      r"\(connect to 127\.0\.0\.1\[127\.0\.0\.1\]:%d: Connection refused\)" % port)
    return instance


def test_mailq_shows_the_reason(waiting):
    out = waiting.run("mailq").stdout
    assert re.search(r"^[0-9A-Za-z]{12,}\s+\d+ \w{3} \w{3} +\d+ [\d:]{8}\s+eva@far\.test$", out, re.M), out
    assert "(connect to 127.0.0.1[127.0.0.1]:%d: Connection refused)" % waiting.dead_port in out
    assert re.search(r"^ +rui@dead\.test$", out, re.M)
    assert re.search(r"^-- \d+ Kbytes in 1 Request\.$", out, re.M)
    (message,) = waiting.queue()
    assert message["sender"] == "eva@far.test"
    assert message["recipients"][0]["address"] == "rui@dead.test"
    assert "Connection refused" in message["recipients"][0]["delay_reason"]


def test_it_is_delivered_when_the_host_is_back(waiting, closing):
    sink = closing(harness.Sink(port=waiting.dead_port))
    waiting.run("postqueue", "-c", waiting.dir, "-f")
    assert sink.wait(1)[0][0] == "MAIL FROM:<eva@far.test> SIZE=%d BODY=8BITMIME" % \
        int(re.search(r"SIZE=(\d+)", sink.messages[0][0]).group(1)) or sink.messages[0][0].startswith("MAIL FROM:<eva@far.test>")
    waiting.wait_log(r"status=sent \(250 2\.0\.0 Ok: queued as SINK1\)")
    waiting.wait_log(r": removed")
    assert waiting.queue() == []


def test_it_survives_a_restart_of_everything(waiting, closing):
    waiting.stop()
    out = waiting.run("postqueue", "-c", waiting.dir, "-p", check=harness.IS_ROOT)
    if harness.IS_ROOT:
        assert "rui@dead.test" in out.stdout
    sink = closing(harness.Sink(port=waiting.dead_port))
    waiting.start()
    waiting.run("postqueue", "-c", waiting.dir, "-f")
    sink.wait(1)


def test_hold_release_delete(waiting):
    (message,) = waiting.queue()
    queue_id = message["queue_id"]
    done = waiting.run("postsuper", "-c", waiting.dir, "-h", queue_id)
    assert "Placed on hold: 1 message" in done.stderr + done.stdout
    assert waiting.queue()[0]["queue_name"] == "hold"
    assert queue_id + "!" in waiting.run("mailq").stdout
    done = waiting.run("postsuper", "-c", waiting.dir, "-H", "ALL")
    assert "Released from hold: 1 message" in done.stderr + done.stdout
    harness.wait_until("it to leave hold", lambda: waiting.queue()[0]["queue_name"] != "hold")
    done = waiting.run("postsuper", "-c", waiting.dir, "-d", "-", input=queue_id + "\n")
    assert "Deleted: 1 message" in done.stderr + done.stdout
    harness.wait_until("the queue to be empty", lambda: waiting.queue() == [])
    assert "Mail queue is empty" in waiting.run("mailq").stdout


def test_postcat(waiting):
    queue_id = waiting.queue()[0]["queue_id"]
    out = waiting.run("postcat", "-c", waiting.dir, "-q", queue_id).stdout
    for text in ("*** ENVELOPE RECORDS", "sender: eva@far.test", "recipient: rui@dead.test", "*** MESSAGE CONTENTS",
                 "Subject: x", "body", "*** MESSAGE FILE END"):
        assert text in out, out
    assert waiting.run("postcat", "-c", waiting.dir, "-bh", "-q", queue_id).stdout.endswith("body\n")


def test_it_bounces_after_its_lifetime(waiting):
    send(waiting, "rui@dead.test", sender="ana@example.test", subject="will fail")
    waiting.set(maximal_queue_lifetime="3s", bounce_queue_lifetime="3s")
    waiting.malote("reload")
    bounce = waiting.wait_mail("ana", timeout=40)[0].decode()
    for text in ("From: MAILER-DAEMON@mail.example.test (Mail Delivery System)", "Subject: Undelivered Mail Returned to Sender",
                 "multipart/report; report-type=delivery-status", "Final-Recipient: rfc822; rui@dead.test", "Action: failed",
                 "Status: 4.4.1", "Subject: will fail", "This is the mail system at host mail.example.test."):
        assert text in bounce, bounce
    assert "Return-Path: <>" in bounce
    waiting.wait_log(r"from=<ana@example\.test>, status=expired, returned to sender")
    waiting.wait_log(r"postfix/bounce\[\d+\]: \w+: sender non-delivery notification: \w+")
    harness.wait_until("the queue to be empty", lambda: waiting.queue() == [], 30)


def test_one_bad_recipient_does_not_hold_up_the_others(waiting):
    send(waiting, "ana@example.test", "rui@dead.test")
    waiting.wait_mail("ana")
    assert [r["address"] for m in waiting.queue() for r in m["recipients"]].count("rui@dead.test") == 2


def test_discard_and_error_transports(instance):
    instance.user("ana")
    instance.set(transport_maps="inline:{ { gone.test = discard:thrown away } { no.test = error:5.1.2 no such place } "
                                "{ later.test = retry:4.3.0 come back } }")
    instance.start()
    send(instance, "a@gone.test", "b@no.test", "c@later.test", sender="ana@example.test")
    instance.wait_log(r"postfix/discard\[\d+\]: \w+: to=<a@gone\.test>, relay=none, .* status=sent \(thrown away\)")
    instance.wait_log(r"postfix/error\[\d+\]: \w+: to=<b@no\.test>, relay=none, .* dsn=5\.1\.2, status=bounced \(no such place\)")
    instance.wait_log(r"postfix/error\[\d+\]: \w+: to=<c@later\.test>, relay=none, .* dsn=4\.3\.0, status=deferred \(come back\)")
    harness.wait_until("only what is to be tried again to be left", lambda: [
        [r["address"] for r in m["recipients"]] for m in instance.queue()] == [["c@later.test"]])


def test_a_damaged_file_harms_nobody(instance):
    instance.user("ana")
    instance.start()
    instance.stop()
    (instance.spool / "incoming" / "4ZzzzzzzzzzzzzzzA").write_bytes(b"this is no queue file")
    if harness.IS_ROOT:
        import os
        owner = (instance.spool / "incoming").stat()
        os.chown(instance.spool / "incoming" / "4ZzzzzzzzzzzzzzzA", owner.st_uid, owner.st_gid)
    instance.start()
    send(instance, "ana@example.test")
    instance.wait_mail("ana")
    harness.wait_until("the file to be set aside", lambda: list((instance.spool / "corrupt").iterdir()))


def test_reload_under_traffic_refuses_nobody(instance):
    import threading
    instance.user("ana")
    instance.start()
    failures, sent = [], []
    until = threading.Event()

    def traffic():
        while not until.is_set():
            try:
                with smtplib.SMTP("127.0.0.1", instance.ports["smtp"], timeout=20) as client:
                    client.sendmail("eva@far.test", ["ana@example.test"], "Subject: r\r\n\r\nx\r\n")
                sent.append(1)
            except (OSError, smtplib.SMTPException) as error:
                failures.append(repr(error))
    threads = [threading.Thread(target=traffic) for _ in range(8)]
    for thread in threads:
        thread.start()
    for number in range(5):
        instance.set(smtpd_banner="$myhostname ESMTP round %d" % number)
        instance.malote("reload")
        threading.Event().wait(0.5)
    until.set()
    for thread in threads:
        thread.join()
    assert failures == []
    assert sent
    instance.wait_mail("ana", len(sent), timeout=60)
    assert harness.dialogue(instance.ports["smtp"], ["QUIT"])[0] == "220 mail.example.test ESMTP round 4"


def listings(instance, seconds):
    """What the ids of listings are, for that long, while all that waits is tried again and again."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        instance.run("postqueue", "-c", instance.dir, "-f")
        for _ in range(3):
            yield [message["queue_id"] for message in instance.queue()]


def test_each_message_is_listed_once_while_it_moves(waiting):
    """Between deferred/ and the active queue and back: whoever looks whether all is gone must not be told so."""
    with smtplib.SMTP("127.0.0.1", waiting.ports["smtp"], timeout=20) as client:
        for _ in range(39):
            client.sendmail("eva@far.test", ["rui@dead.test"], "Subject: x\r\n\r\nbody\r\n")
    for ids in listings(waiting, 4):
        assert len(ids) == len(set(ids)) == 40, (len(ids), len(set(ids)))


def test_what_waits_in_the_journal_for_room_is_listed(instance, closing):
    """New mail beyond qmgr_message_active_limit, which stays in the journal, has no file."""
    release = threading.Event()
    sink = closing(harness.Sink(rules={"EOD": lambda line: release.wait(60) and None}))
    instance.set(qmgr_message_active_limit="5", transport_maps="inline:{ { slow.test = smtp:[127.0.0.1]:%d } }" % sink.port)
    instance.start()
    with smtplib.SMTP("127.0.0.1", instance.ports["smtp"], timeout=20) as client:
        for number in range(30):
            client.sendmail("eva@far.test", ["r%d@slow.test" % number], "Subject: x\r\n\r\nbody\r\n")
    messages = instance.queue()
    assert sorted(r["address"] for m in messages for r in m["recipients"]) == sorted("r%d@slow.test" % n for n in range(30))
    assert sum(m["queue_name"] == "active" for m in messages) <= 5
    release.set()
    sink.wait(30)
    harness.wait_until("the queue to be empty", lambda: instance.queue() == [], 30)


def test_a_file_that_cannot_be_read_hides_no_other(waiting):
    """As e2fsck leaves them: without an owner."""
    (message,) = waiting.queue()
    harness.wait_until("it to wait", lambda: waiting.queue()[0]["queue_name"] == "deferred")
    for path in (waiting.spool / "deferred").rglob(message["queue_id"]):
        stranger = path.parent / (message["queue_id"][:-1] + ("1" if path.name.endswith("0") else "0"))
        stranger.write_bytes(path.read_bytes())
        stranger.chmod(0)
    done = waiting.run("mailq")
    assert message["queue_id"] in done.stdout and "in 1 Request." in done.stdout
    waiting.wait_log(r"warning: cannot list deferred/%s: Permission denied" % stranger.name)
    waiting.stop()
    done = waiting.run("mailq", check=harness.IS_ROOT)
    assert not harness.IS_ROOT or message["queue_id"] in done.stdout


def test_a_listing_that_is_not_whole_says_so(waiting):
    """An empty queue and one that cannot be read are not the same."""
    deferred = waiting.spool / "deferred"
    harness.wait_until("it to wait", lambda: waiting.queue()[0]["queue_name"] == "deferred")
    mode = deferred.stat().st_mode
    deferred.chmod(0)
    try:
        done = waiting.run("mailq", check=False)
    finally:
        deferred.chmod(mode)
    assert done.returncode != 0 and "not the whole queue" in done.stderr, done
    assert "Mail queue is empty" not in done.stdout
    waiting.wait_log(r"warning: cannot list the whole queue: Permission denied")


class Crowd:
    """30 messages for a host that takes its time; qmgr has room for 5, the rest waits in the journal."""

    def __init__(self, instance, sink, release):
        self.instance, self.sink, self.release = instance, sink, release
        self.ids = self.send(30)

    def send(self, count):
        ids = []
        with smtplib.SMTP("127.0.0.1", self.instance.ports["smtp"], timeout=20) as client:
            for number in range(count):
                client.mail("eva@far.test")
                client.rcpt("r%d@slow.test" % number)
                code, reply = client.data("Subject: x\r\n\r\nbody\r\n")
                assert code == 250, reply
                ids.append(reply.decode().split()[-1])
        return ids

    def super(self, *args):
        return self.instance.run("postsuper", "-c", self.instance.dir, *args).stderr

    def listed(self):
        return {m["queue_id"]: m["queue_name"] for m in self.instance.queue()}

    def pids(self, kind):
        return [pid for pid, line in self.instance.processes().items() if os.path.basename(line.split(" ")[0]) == kind]

    def delivered(self):
        return sorted(r for _, recipients, _ in self.sink.messages for r in recipients)


@pytest.fixture
def crowd(instance, closing):
    release = threading.Event()
    sink = closing(harness.Sink(rules={"EOD": lambda line: release.wait(60) and None}))
    instance.set(qmgr_message_active_limit="5", transport_maps="inline:{ { slow.test = smtp:[127.0.0.1]:%d } }" % sink.port,
                 smtpd_recipient_restrictions="check_recipient_access inline:{ { r29@slow.test = hold } }")
    instance.start()
    yield Crowd(instance, sink, release)
    release.set()


def test_a_new_qmgr_knows_at_once_what_waits_in_journals(crowd):
    """Also that of a writer which hangs, and tells nothing of it."""
    writers = crowd.pids("smtpd")
    for pid in writers:
        os.kill(pid, signal.SIGSTOP)
    try:
        os.kill(crowd.pids("qmgr")[0], signal.SIGKILL)
        names = crowd.listed()
        assert sorted(names) == sorted(crowd.ids)
        assert "Deleted: 1 message\n" in crowd.super("-d", crowd.ids[20])
        assert "Placed on hold: 28 messages\n" in crowd.super("-h", "ALL")
    finally:
        for pid in writers:
            os.kill(pid, signal.SIGCONT)
    crowd.send(1)
    assert sum(name == "hold" for name in crowd.listed().values()) == 29
    assert "Released from hold: 29 messages\n" in crowd.super("-H", "ALL")
    crowd.release.set()
    harness.wait_until("the queue to be empty", lambda: crowd.listed() == {})
    assert {"RCPT TO:<r%d@slow.test>" % n for n in range(30) if n != 20} <= {line.split(" ORCPT")[0] for line in crowd.delivered()}
    assert not any("<r20@" in line for line in crowd.delivered())


def test_what_qmgr_has_not_come_to_hear_of_is_listed(crowd):
    """It is busy when many messages are handed over, and then somebody looks."""
    assert "Deleted: 30 messages\n" in crowd.super("-d", "ALL")
    crowd.instance.set(qmgr_message_active_limit="20000")
    crowd.instance.malote("reload")
    (qmgr,) = crowd.pids("qmgr")
    os.kill(qmgr, signal.SIGSTOP)
    try:
        ids, names = crowd.send(200), []
        looker = threading.Thread(target=lambda: names.append(crowd.listed()))
        looker.start()
        said = []
        changer = threading.Thread(target=lambda: said.append(crowd.super("-h", ids[190])))
        changer.start()
        time.sleep(0.5)  # when it has not asked by then, it sees them all the more
    finally:
        os.kill(qmgr, signal.SIGCONT)
    looker.join()
    changer.join()
    assert said == ["postsuper: Placed on hold: 1 message\n"]
    assert set(ids) <= set(names[0]), (len(ids), len(names[0]))


def test_who_asks_for_one_does_not_make_the_others_wait(crowd):
    """What was given a file so that one is found, and one that is nowhere, was looked at with the next queue run."""
    crowd.super("-d", "4g1Q2R0001zmB00", "-h", "4g1Q2R0001zmB00", "-r", "4g1Q2R0001zmB00")
    assert sum(name == "incoming" for name in crowd.listed().values()) == 24
    assert len(list((crowd.instance.spool / "incoming").iterdir())) == 0
    assert "Force-expired: 1 message\n" in crowd.super("-e", crowd.ids[20])
    assert "Requeued: 29 messages\n" in crowd.super("-r", "ALL", "incoming", "active")
    crowd.release.set()
    harness.wait_until("the queue to be empty", lambda: list(crowd.listed().values()) == ["hold"], 20)
    assert len(crowd.sink.messages) == 28  # and one was expired


def test_what_is_to_be_held_is_on_hold_wherever_it_is(crowd):
    """mailq calls it so while it waits in the journal: then it can be released too."""
    held = crowd.ids[29]
    assert crowd.listed()[held] == "hold"
    assert "Placed on hold: 0 messages\n" in crowd.super("-h", held)
    assert "Released from hold: 1 message\n" in crowd.super("-H", held)
    assert crowd.listed()[held] == "deferred"


def test_one_that_is_just_taken_up_is_found(crowd):
    """While others get their files there is room again, and it is taken up from the journal."""
    ids = crowd.send(600)
    crowd.sink.rules = {"EOD": lambda line: time.sleep(0.05) and None}
    crowd.release.set()
    for queue_id in ids[:100:-25]:
        said = crowd.super("-h", queue_id)
        assert "Placed on hold: 1 message\n" in said or "%s: removed" % queue_id in crowd.instance.log(), queue_id
    assert "Deleted: " in crowd.super("-d", "ALL")


def test_the_commands_count_as_they_do_in_postfix(crowd):
    """Nothing is a number too; and postsuper alone tidies up."""
    assert crowd.super("-d", "4g1Q2R0001zmB00") == "postsuper: Deleted: 0 messages\n"
    assert crowd.super("-r", "ALL", "-H", "4g1Q2R0001zmB00") == "postsuper: Requeued: 30 messages\npostsuper: Released from hold: 0 messages\n"
    assert crowd.super() == ""


@pytest.mark.skipif(not harness.IS_ROOT, reason="only root may look while all is down")
def test_while_all_is_down_it_is_as_it_was(crowd):
    """Held mail in a journal is on hold, also when nobody runs; what cannot be read is not an empty queue."""
    crowd.instance.kill()
    names = crowd.listed()
    assert sorted(names) == sorted(crowd.ids) and names[crowd.ids[29]] == "hold"
    assert "Released from hold: 1 message\n" in crowd.super("-H", crowd.ids[29])
    assert "Placed on hold: 30 messages\n" in crowd.super("-h", "ALL")
    hold = crowd.instance.spool / "hold"
    hold.chmod(0)
    try:
        done = crowd.instance.run("postqueue", "-c", crowd.instance.dir, "-p", check=False)
    finally:
        hold.chmod(0o700)
    assert done.returncode != 0 and "Mail queue is empty" not in done.stdout, done
    strange = crowd.instance.spool / "journal" / "1-1-1-0123456789abcdef"
    strange.touch(0)
    done = crowd.instance.run("postqueue", "-c", crowd.instance.dir, "-p", check=False)
    assert done.returncode != 0 and "not the whole queue" in done.stderr and crowd.ids[3] in done.stdout, done


@pytest.mark.skipif(not harness.IS_ROOT, reason="only root may look while all is down")
def test_what_is_on_hold_is_found_after_another_hashing(crowd):
    """Nobody looks through hold/ but who asks for one message of it."""
    def names(depth, queues):
        crowd.instance.set(hash_queue_depth=depth, hash_queue_names=queues)

    def postcat(queue_id):
        return crowd.instance.run("postcat", "-c", crowd.instance.dir, "-q", queue_id).stdout
    assert "Placed on hold: 29 messages\n" in crowd.super("-h", "ALL")
    crowd.instance.stop()
    names(2, "deferred, hold")
    assert "Subject: x" in postcat(crowd.ids[3])
    assert "Released from hold: 1 message\n" in crowd.super("-H", crowd.ids[3])
    names(1, "deferred")
    crowd.instance.start()
    assert "Subject: x" in postcat(crowd.ids[4])
    harness.wait_until("it to be found", lambda: "Deleted: 1 message\n" in crowd.super("-d", crowd.ids[4]))


def test_each_message_is_listed_once_while_people_move_all(crowd):
    """On hold and released again: each is in one of two places at any moment."""
    done, said = threading.Event(), []

    def churn():
        while not done.is_set():
            said.append(crowd.super("-h", "ALL"))
            said.append(crowd.super("-H", "ALL"))
    assert "Placed on hold: 29 messages\n" in crowd.super("-h", "ALL")
    assert "Released from hold: 30 messages\n" in crowd.super("-H", "ALL")
    mover = threading.Thread(target=churn)
    mover.start()
    try:
        deadline = time.monotonic() + 5
        while time.monotonic() < deadline:
            ids = [message["queue_id"] for message in crowd.instance.queue()]
            assert len(ids) == len(set(ids)) == 30, (len(ids), len(set(ids)))
    finally:
        done.set()
        mover.join()
    assert len(said) > 1 and all(re.search(" hold: 30 messages\n", words) for words in said), said


def test_listings_that_nobody_reads_do_not_take_all_there_is(instance):
    """Anybody may ask for one: a hundred have room, and the mail goes on."""
    instance.user("ana")
    instance.fill_queue(5000, int(time.time()) + 9999)
    instance.start()
    assert len(instance.queue()) == 5000
    stuck = [socket.socket(socket.AF_UNIX) for _ in range(130)]
    try:
        for one in stuck:
            one.connect(str(instance.spool / "public" / "showq"))
        instance.wait_log("warning: cannot list the queue: too many listings")
        done = instance.run("mailq", check=False)
        assert done.returncode != 0 and "not the whole queue" in done.stderr, done
        send(instance, "ana@example.test")
        instance.wait_mail("ana")
    finally:
        for one in stuck:
            one.close()
    harness.wait_until("room", lambda: instance.run("mailq", check=False).returncode == 0)
    assert len(instance.queue()) == 5000


def test_a_journal_that_somebody_removed_takes_no_more_mail(instance):
    """What was in it is delivered all the same: qmgr has it open."""
    instance.user("ana")
    instance.set(minimal_backoff_time="1s", queue_run_delay="1s")
    instance.start()
    send(instance, "ana@example.test")
    instance.wait_mail("ana")
    for file in (instance.spool / "journal").iterdir():
        file.unlink()
    with pytest.raises(smtplib.SMTPDataError) as refused:
        send(instance, "ana@example.test")
    assert refused.value.smtp_code == 451
    instance.wait_log(r"error: cannot write the journal segment \S+: somebody has removed its file: it is not used any more")
    for _ in range(3):
        send(instance, "ana@example.test")
    instance.wait_mail("ana", 4)
    harness.wait_until("the queue to be empty", lambda: instance.queue() == [])
    assert len(instance.mailbox("ana")) == 4
    assert "cannot release" not in instance.log()


@pytest.mark.skipif(not harness.IS_ROOT, reason="giving files away takes root")
def test_what_belongs_to_somebody_else_is_told_of(waiting):
    """A file or a journal segment that qmgr cannot open waits, the log says so, and it goes on without a restart."""
    (queue_id,) = [m["queue_id"] for m in waiting.queue()]
    owner = (waiting.spool / "deferred").stat()
    qmgr = [pid for pid, line in waiting.processes().items() if re.match(r"\S*qmgr( |$)", line)][0]
    os.kill(qmgr, signal.SIGSTOP)
    with smtplib.SMTP("127.0.0.1", waiting.ports["smtp"], timeout=20) as client:
        client.sendmail("eva@far.test", ["ana@example.test"], "Subject: in a journal\r\n\r\n")
    waiting.kill()
    active = waiting.spool / "active" / queue_id
    for path in (waiting.spool / "deferred").rglob(queue_id):
        path.rename(active)
    segments = list((waiting.spool / "journal").iterdir())
    for strange in [active, *segments]:
        os.chown(strange, 0, 0)
    waiting.start()
    waiting.wait_log(queue_id + r": cannot take it up from active/: .*: see `malote fsck`")
    waiting.wait_log(r"cannot open the journal segment journal/\S+ or its ledger \(\.o\): Permission denied")
    assert not waiting.mailbox("ana")
    for strange in [active, *segments]:
        os.chown(strange, owner.st_uid, owner.st_gid)
    waiting.wait_mail("ana")
