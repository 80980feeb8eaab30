"""Many sessions at once, idle and busy."""
import pathlib
import re
import shutil
import smtplib
import socket
import subprocess
import threading
import time

import pytest

import harness


def rss_kib(pid):
    """Private memory of a process: what it would give back."""
    total = 0
    for line in pathlib.Path("/proc/%d/smaps_rollup" % pid).read_text().splitlines():
        if re.match(r"Private_(Clean|Dirty):", line):
            total += int(line.split()[1])
    return total


@pytest.mark.slow
def test_200_busy_and_1000_idle_sessions(instance, capsys):
    instance.user("ana")
    instance.set(default_process_limit="2000", smtpd_client_connection_count_limit="0", smtpd_peername_lookup="no")
    instance.start()
    smtpds = {p for p, line in instance.processes().items() if "smtpd" in line}
    harness.dialogue(instance.ports["smtp"], ["QUIT"])
    smtpds = {p for p, line in instance.processes().items() if "smtpd" in line}
    before = sum(map(rss_kib, smtpds))
    idle = []
    for _ in range(1000):
        s = socket.create_connection(("127.0.0.1", instance.ports["smtp"]), timeout=30)
        assert s.recv(200).startswith(b"220 ")
        s.sendall(b"EHLO client.far.test\r\n")
        idle.append(s)
    for s in idle:
        assert s.recv(2000).startswith(b"250")
    after = sum(map(rss_kib, smtpds))
    with capsys.disabled():
        print("\n1000 idle sessions: %.1f KiB of memory each (sanitizers, if any, included)" % ((after - before) / 1000))

    failures = []

    def busy():
        try:
            with smtplib.SMTP("127.0.0.1", instance.ports["smtp"], timeout=60) as client:
                for _ in range(3):
                    client.sendmail("eva@far.test", ["ana@example.test"], "Subject: b\r\n\r\nx\r\n")
        except (OSError, smtplib.SMTPException) as error:
            failures.append(repr(error))
    threads = [threading.Thread(target=busy) for _ in range(200)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    instance.wait_mail("ana", 600, timeout=120)
    for s in idle:
        s.sendall(b"NOOP\r\n")
    for s in idle:
        assert s.recv(200) == b"250 2.0.0 Ok\r\n"
        s.close()


def smtpds_of(instance):
    """Those of the first smtp entry: it has more ways in, with processes of their own."""
    return {p for p, line in instance.processes().items() if "smtpd" in line and ":%d " % instance.ports["smtp"] in line + " "}


def test_another_worker_for_those_that_work_not_for_those_that_wait(instance):
    """Twenty sessions that wait have one process; six that keep it busy get another."""
    instance.set(service_workers="2", smtpd_junk_command_limit="100000000", smtpd_client_connection_count_limit="0", smtpd_peername_lookup="no")
    instance.start()
    waiting = []
    for _ in range(20):
        s = socket.create_connection(("127.0.0.1", instance.ports["smtp"]), timeout=30)
        assert s.recv(200).startswith(b"220 ")
        s.sendall(b"EHLO client.far.test\r\n")
        assert s.recv(2000).startswith(b"250")
        waiting.append(s)
    time.sleep(1)
    assert len(smtpds_of(instance)) == 1
    enough = threading.Event()

    def work(s):
        while not enough.is_set():
            s.sendall(b"MAIL FROM:<eva@far.test>\r\nRSET\r\n" * 1000)
            got = 0
            while got < 2000:
                replies = s.recv(65536)
                if not replies:
                    return
                got += replies.count(b"\n")
    threads = [threading.Thread(target=work, args=(s,)) for s in waiting[:6]]
    for thread in threads:
        thread.start()
    try:
        harness.wait_until("a second smtpd", lambda: len(smtpds_of(instance)) == 2, timeout=30)
    finally:
        enough.set()
        for thread in threads:
            thread.join()
        for s in waiting:
            s.close()


def test_one_client_may_not_take_everything(instance):
    instance.set(smtpd_client_connection_count_limit="3", smtpd_client_event_limit_exceptions="")
    instance.start()
    held = [socket.create_connection(("127.0.0.1", instance.ports["smtp"]), timeout=20) for _ in range(3)]
    for s in held:
        assert s.recv(200).startswith(b"220 ")
    extra = socket.create_connection(("127.0.0.1", instance.ports["smtp"]), timeout=20)
    assert extra.recv(300).startswith(b"421 4.7.0 ")
    for s in held + [extra]:
        s.close()


def test_stop_lets_a_session_go_with_421(instance):
    instance.start()
    s = socket.create_connection(("127.0.0.1", instance.ports["smtp"]), timeout=20)
    assert s.recv(200).startswith(b"220 ")
    instance.stop()
    assert s.recv(200).startswith(b"421 ")
    s.close()
    assert not harness.listening(instance.ports["smtp"])
    assert instance.processes() == {}


def test_a_worker_that_overtakes_master_keeps_its_count(instance):
    """On a busy machine master may come back from the fork when the new process has taken sessions already."""
    if shutil.which("strace") is None:
        pytest.skip("SKIP: needs strace, to hold master up")
    instance.start()
    port = instance.ports["submission"]
    harness.wait_until("the others to run", lambda: {"pickup", "qmgr", "smtpd"} <= {
        pathlib.Path(line.split(" ")[0]).name for line in instance.processes().values()})
    master = next(pid for pid, line in instance.processes().items() if line.split(" ")[0].endswith("/master"))
    forks = "clone,clone3,fork,vfork"
    held = subprocess.Popen(["strace", "-p", str(master), "-e", "trace=" + forks, "-e", "inject=%s:delay_exit=60000000" % forks],
                            stderr=subprocess.PIPE, text=True)
    try:
        if "attached" not in held.stderr.readline():
            pytest.skip("SKIP: strace may not attach to another process here")
        first = socket.create_connection(("127.0.0.1", port), timeout=20)
        assert first.recv(200).startswith(b"220 ")
        assert "(DELAYED)" in held.stderr.readline()
    finally:
        held.terminate()
        held.communicate(timeout=20)

    def row(sessions):
        return lambda: re.search(r":%d +1 +%d +100 +1\n" % (port, sessions), instance.malote("status").stdout)
    harness.wait_until("master to know the process, with its session", row(1))
    with first:
        first.sendall(b"QUIT\r\n")
        assert first.recv(200).startswith(b"221 ")
    harness.wait_until("the session to end", row(0))
    harness.dialogue(port, ["QUIT"])
