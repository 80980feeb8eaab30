"""Damage in a spool: what is damaged lands in corrupt/, all else is delivered; malote fsck says what is wrong."""
import os
import re
import signal
import smtplib
import subprocess

import pytest

import harness


def pids(instance, kind):
    return [pid for pid, line in instance.processes().items() if os.path.basename(line.split(" ")[0]) == kind]


def send(instance, recipient, subject, size=10):
    with smtplib.SMTP("127.0.0.1", instance.ports["smtp"], timeout=20) as client:
        client.sendmail("eva@far.test", [recipient], "Subject: %s\r\n\r\n%s\r\n" % (subject, ("x" * 70 + "\r\n") * (size // 72 + 1)))


def files(instance, queue):
    return {name: os.path.join(folder, name) for folder, _, names in os.walk(instance.spool / queue) for name in names}


def segments(instance):
    return [instance.spool / "journal" / name for name in os.listdir(instance.spool / "journal") if re.fullmatch(r"[0-9a-f-]+", name)]


def flip(path, at):
    with open(path, "r+b") as file:
        file.seek(at)
        byte = file.read(1)[0]
        file.seek(at)
        file.write(bytes([byte ^ 0x10]))


def where_is(path, text):
    with open(path, "rb") as file:
        at = file.read().find(text)
    assert at >= 0, "%s has no %r" % (path, text)
    return at


def kill_all(instance):
    for pid in pids(instance, "master") + list(instance.processes()):
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
    harness.wait_until("the end", lambda: not instance.processes())
    instance.running = False


def subjects(instance, name):
    return sorted(re.findall(r"Subject: (\S+)", "".join(m.decode("latin-1") for m in instance.mailbox(name))))


@pytest.fixture
def site(instance):
    """An instance with journals, a mailbox and a host that is not there."""
    instance.user("ana")
    instance.dead_port = harness.free_port()
    instance.set(transport_maps="inline:{ { dead.test = smtp:[127.0.0.1]:%d } }" % instance.dead_port,
                 virtual_alias_maps="inline:{ { ana@dead.test = ana@dead.test } }", journal_segment_size="1048576",
                 minimal_backoff_time="1h", maximal_backoff_time="1h", service_workers="1")
    return instance


def wait_deferred(instance, count):
    harness.wait_until("%d to be deferred" % count, lambda: len(files(instance, "deferred")) == count)


def fill_files(instance):
    """Four messages each in deferred/, hold/ and active/, by subject."""
    for number in range(12):
        send(instance, "rui@dead.test", "f%02d" % number)
    wait_deferred(instance, 12)
    ids = sorted(files(instance, "deferred"))
    for queue_id in ids[4:8]:
        instance.run("postsuper", "-c", instance.dir, "-h", queue_id)
    assert len(files(instance, "hold")) == 4
    return ids


def journal_only(instance, messages):
    """Leave messages in a journal and (large ones) in incoming/: (recipient, subject, size)."""
    harness.wait_until("qmgr to run", lambda: len(pids(instance, "qmgr")) == 1)
    os.kill(pids(instance, "qmgr")[0], signal.SIGSTOP)
    for recipient, subject, size in messages:
        send(instance, recipient, subject, size)
    kill_all(instance)


def test_one_of_each_kind_is_damaged(site, closing):
    site.start()
    ids = fill_files(site)
    journal_only(site, [("ana@example.test", "j%d" % n, 10) for n in range(6)] + [("ana@example.test", "big%d" % n, 400000) for n in range(3)])
    (segment,) = segments(site)
    for queue_id in ids[8:]:                       # as if qmgr had been at work on them
        os.rename(files(site, "deferred")[queue_id], site.spool / "active" / queue_id)
    damaged = set()
    for queue in ("deferred", "hold", "active"):
        names = sorted(files(site, queue))
        assert len(names) == 4, queue
        flip(files(site, queue)[names[0]], 40)                                                # header
        flip(files(site, queue)[names[1]], where_is(files(site, queue)[names[1]], b"xxxx"))   # content
        flip(files(site, queue)[names[2]], where_is(files(site, queue)[names[2]], b"eva@"))   # envelope
        damaged.update(names[:3])
    big = files(site, "incoming")
    assert len(big) == 3
    first, second, _ = sorted(big)
    flip(big[first], 200)
    os.truncate(big[second], os.path.getsize(big[second]) - 10)
    damaged.update((first, second))
    flip(segment, where_is(segment, b"j1\r\n"))                          # content of the second record
    flip(segment, where_is(segment, b"j3\r\n") // 4096 * 4096 + 33)      # header of the fourth
    flip(segment, where_is(segment, b"j5\r\n"))                          # the last one

    done = site.malote("fsck", check=False)
    assert done.returncode == 2, done.stdout + done.stderr
    for name in damaged:
        assert name in done.stdout
    assert "14 problems, 0 put right" in done.stdout, done.stdout
    assert re.search(r"incoming 1, active 1, deferred 1, hold 1, in journals 3 ", done.stdout), done.stdout

    sink = closing(harness.Sink(port=site.dead_port))
    site.start()
    site.wait_mail("ana", 4, timeout=30)
    site.run("postsuper", "-c", site.dir, "-H", "ALL")
    site.run("postqueue", "-c", site.dir, "-f")
    sink.wait(3)
    site.wait_empty()
    assert subjects(site, "ana") == sorted(["j0", "j2", "j4", sorted_subject(big, sorted(big)[2])])
    harness.wait_until("all that is damaged to be set aside", lambda: len(files(site, "corrupt")) == 14)
    assert damaged < set(files(site, "corrupt"))
    for name in damaged:
        assert len(re.findall(r'saving corrupt file "%s"' % name, site.log())) == 1
    assert len(re.findall(r"damaged bytes at \d+ of journal segment", site.log())) == 3
    assert len(sink.messages) == 3


def sorted_subject(big, name):
    return "big%d" % sorted(big).index(name)


def test_fsck_puts_right_and_the_suite_then_starts(site, closing):
    site.start()
    ids = fill_files(site)
    journal_only(site, [("ana@example.test", "j%d" % n, 10) for n in range(3)])
    (segment,) = segments(site)
    flip(files(site, "deferred")[ids[0]], 40)
    flip(segment, where_is(segment, b"j1\r\n"))
    done = site.malote("fsck", "--fix", check=False)
    assert done.returncode == 1, done.stdout + done.stderr
    assert "2 problems, 2 put right" in done.stdout
    assert ids[0] in files(site, "corrupt") and len(files(site, "corrupt")) == 2
    assert site.malote("fsck").stdout.count("\n") == 2          # exit status 0: totals only
    assert "moved to corrupt/" + ids[0] in site.log()
    site.start()
    site.wait_mail("ana", 2)
    assert subjects(site, "ana") == ["j0", "j2"]
    assert len(files(site, "corrupt")) == 2


def test_fsck_leaves_a_running_system_alone(site):
    site.start()
    send(site, "rui@dead.test", "x")
    wait_deferred(site, 1)
    done = site.malote("fsck", "--fix", check=False)
    assert done.returncode == 75 and "stop it first" in done.stderr
    done = site.malote("fsck", "--running")
    assert "deferred 1" in done.stdout and "may be at work" in done.stdout
    for wrong in (["--fix", "--running"], ["--what"], ["more"]):
        assert site.malote("fsck", *wrong, check=False).returncode == 64
    site.stop()
    done = site.malote("fsck", "-v")
    assert done.stdout.endswith("no problems\n"), done.stdout


def test_fsck_reads_nothing_as_root(site):
    if not harness.IS_ROOT or site.single_uid:
        pytest.skip("SKIP: needs root, to see it given up")
    site.start()
    send(site, "rui@dead.test", "x")
    wait_deferred(site, 1)
    site.stop()
    trace = site.folder / "trace"
    if subprocess.run(["which", "strace"], capture_output=True).returncode != 0:
        pytest.skip("SKIP: needs strace")
    subprocess.run(["strace", "-f", "-e", "trace=setresuid,openat", "-o", trace, site.command("malote"), "-c", site.dir, "fsck"],
                   env=dict(site.env, ASAN_OPTIONS="detect_leaks=0"), capture_output=True, check=True)
    lines = trace.read_text().splitlines()
    dropped = next(n for n, line in enumerate(lines) if "setresuid(" in line and "= 0" in line)
    read = next(n for n, line in enumerate(lines) if re.search(r'openat\(\d+, "[0-9A-Za-z]{12,}"', line))
    assert dropped < read


def test_a_lost_ledger_costs_duplicates_only(site):
    """What it said was delivered is delivered again; nothing is lost; a damaged one the same from there on."""
    site.start()
    for number in range(4):
        send(site, "ana@example.test", "m%d" % number)
    site.wait_mail("ana", 4)
    site.wait_log(r": removed", count=4)
    journal_only(site, [("ana@example.test", "late", 10)])
    (segment,) = segments(site)
    ledger = str(segment) + ".o"
    assert os.path.getsize(ledger) == 4 * 25
    flip(ledger, 2 * 25 + 12)                 # the third entry: two messages are not known to be done
    assert "50 bytes at its end cannot be read" in site.malote("fsck", "-v").stdout
    site.start()
    site.wait_mail("ana", 4 + 2 + 1)
    site.wait_empty()
    assert subjects(site, "ana") == ["late", "m0", "m1", "m2", "m2", "m3", "m3"] or len(subjects(site, "ana")) == 7
    assert "late" in subjects(site, "ana")
    assert files(site, "corrupt") == {}


def test_a_missing_ledger(site):
    site.start()
    for number in range(3):
        send(site, "ana@example.test", "m%d" % number)
    site.wait_mail("ana", 3)
    site.wait_log(r": removed", count=3)
    journal_only(site, [("ana@example.test", "late", 10)])
    (segment,) = segments(site)
    os.unlink(str(segment) + ".o")
    site.start()
    site.wait_mail("ana", 3 + 3 + 1)
    site.wait_empty()
    assert subjects(site, "ana") == ["late", "m0", "m0", "m1", "m1", "m2", "m2"]
    harness.wait_until("the segment to be removed", lambda: segment not in segments(site))


def test_what_lies_on_two_places_and_strangers(site):
    site.start()
    ids = fill_files(site)
    site.stop()
    subprocess.run(["cp", "-p", files(site, "deferred")[ids[0]], site.spool / "active" / ids[0]], check=True)
    (site.spool / "hold" / "some-notes").write_text("x")
    done = site.malote("fsck", check=False)
    assert done.returncode == 2
    assert re.search(r"active/%s: the same message is deferred/" % ids[0], done.stdout), done.stdout
    assert "hold/some-notes: its name is no queue id" in done.stdout
