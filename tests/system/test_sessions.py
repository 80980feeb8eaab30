"""Many sessions at once, idle and busy."""
import pathlib
import re
import smtplib
import socket
import threading

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
