"""Mailboxes by POP3, with real clients."""
import poplib
import smtplib
import ssl
import subprocess

import pytest

import harness


def tls():
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def put(instance, *subjects, to="ana@example.test"):
    with smtplib.SMTP("127.0.0.1", instance.ports["smtp"], timeout=20) as client:
        for subject in subjects:
            client.sendmail("eva@far.test", [to], "Subject: %s\r\n\r\nbody of %s\r\n.dot\r\n..two\r\n" % (subject, subject))
    name = to.split("@")[0]
    instance.wait_mail(name, len(subjects))


@pytest.fixture
def filled(any_instance):
    any_instance.user("ana")
    any_instance.start()
    put(any_instance, "one", "two", "three")
    return any_instance


def login(instance, user="ana", password="secret"):
    box = poplib.POP3("127.0.0.1", instance.ports["pop3"], timeout=20)
    box.user(user)
    box.pass_(password)
    return box


def test_reading_and_deleting(filled):
    box = login(filled)
    assert box.stat()[0] == 3
    sizes = {int(n): int(s) for n, s in (line.split() for line in box.list()[1])}
    for number in (1, 2, 3):
        answer, lines, octets = box.retr(number)
        assert sum(len(line) + 2 for line in lines) == sizes[number]
        assert lines[-2:] == [b".dot", b"..two"]
    assert len(box.top(1, 1)[1]) < len(box.retr(1)[1])
    uidls = [line.split()[1] for line in box.uidl()[1]]
    assert len(set(uidls)) == 3
    box.dele(2)
    with pytest.raises(poplib.error_proto):
        box.retr(2)
    box.close()                       # no QUIT: nothing is deleted

    box = login(filled)
    assert box.stat()[0] == 3
    assert [line.split()[1] for line in box.uidl()[1]] == uidls
    box.dele(2)
    box.rset()
    box.dele(1)
    box.quit()

    filled.stop()
    filled.start()
    box = login(filled, "ana@example.test")
    assert [line.split()[1] for line in box.uidl()[1]] == uidls[1:]
    box.quit()


def test_a_mailbox_is_open_once(filled):
    first = login(filled)
    with pytest.raises(poplib.error_proto) as error:
        login(filled)
    assert b"[IN-USE]" in error.value.args[0]
    first.quit()
    login(filled).quit()


def test_wrong_passwords(filled):
    for user, password in (("ana", "wrong"), ("nobody-here", "secret"), ("ana", ""), ("root", "secret")):
        with pytest.raises(poplib.error_proto) as error:
            login(filled, user, password)
        assert error.value.args[0].startswith(b"-ERR")


def test_tls(filled):
    box = poplib.POP3("127.0.0.1", filled.ports["pop3"], timeout=20)
    assert "STLS" in box.capa()
    box.stls(context=tls())
    box.user("ana")
    box.pass_("secret")
    assert box.stat()[0] == 3
    assert box.retr(3)[1][-1] == b"..two"
    box.quit()
    box = poplib.POP3_SSL("127.0.0.1", filled.ports["pop3s"], timeout=20, context=tls())
    box.user("ana")
    box.pass_("secret")
    assert box.stat()[0] == 3
    box.quit()


@pytest.mark.parametrize("scheme, args", [("pop3", []), ("pop3", ["--ssl-reqd"]), ("pop3s", []),
                                          ("pop3", ["--login-options", "AUTH=PLAIN"])])
def test_curl(instance, scheme, args):
    instance.user("ana")
    instance.start()
    put(instance, "for curl")
    done = subprocess.run(["curl", "-sS", "-k", "--max-time", "20", *args, "-u", "ana:secret",
                           "%s://127.0.0.1:%d/1" % (scheme, instance.ports[scheme])], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "Subject: for curl" in done.stdout


def test_fetchmail(instance, folder):
    instance.user("ana")
    instance.user("rui")
    instance.start()
    put(instance, "one", "two")
    rc = folder / "fetchmailrc"
    rc.write_text('poll 127.0.0.1 protocol POP3 port %d user "ana" password "secret" sslproto "" '
                  'fetchall nokeep mda "%s -i -f eva@far.test rui@example.test"\n'
                  % (instance.ports["pop3"], instance.command("sendmail")))
    rc.chmod(0o600)
    done = subprocess.run(["fetchmail", "-f", str(rc), "--nosyslog", "-v", "--pidfile", str(folder / "pid"), "-i", str(folder / "ids")],
                          capture_output=True, text=True, timeout=60, env=dict(instance.env, HOME=str(folder)))
    assert done.returncode == 0, done.stdout + done.stderr
    assert len(instance.wait_mail("rui", 2)) == 2
    assert instance.mailbox("ana") == []


def test_new_mail_during_a_session_stays(filled):
    box = login(filled)
    put(filled, "one", "two", "three", "four", "five", "six", "seven")
    assert box.stat()[0] == 3
    for number in (1, 2, 3):
        box.dele(number)
    box.quit()
    box = login(filled)
    assert box.stat()[0] == 7
    box.quit()
