"""What a sceptical administrator tries: the edges of what the other tests do."""
import pytest

import harness

HELLO = ["EHLO client.far.test", "MAIL FROM:<eva@far.test>"]


def rcpt(instance, address):
    """The reply to RCPT TO in a session of its own."""
    return harness.dialogue(instance.ports["smtp"], HELLO + ["RCPT TO:<%s>" % address])[-1]


def test_a_new_user_gets_mail_at_once_behind_a_private_folder(instance):
    """Workers that gave up root's rights read a table again that lies below a folder of root's alone."""
    instance.user("ana")
    instance.folder.chmod(0o700)
    instance.start()
    for name in ("rui", "eva", "isa"):
        assert rcpt(instance, name + "@example.test").startswith("550 5.1.1")
        instance.user(name)
        assert rcpt(instance, name + "@example.test") == "250 2.1.5 Ok"
    assert "lookup" not in instance.log()


def test_a_jailed_worker_refuses_nobody_for_an_old_table(instance):
    """A table that was replaced, and that the jail cannot open: try again, until a new worker can."""
    instance.user("ana")
    text = (instance.dir / "master.cf").read_text()
    first = "127.0.0.1:%d" % instance.ports["smtp"]
    lines = [line.replace(" n       -       n ", " n       -       y ") if line.startswith(first) else line
             for line in text.splitlines(True)]
    instance.write("master.cf", "".join(lines))
    instance.start()
    assert rcpt(instance, "rui@example.test").startswith("550 5.1.1")
    instance.user("rui")
    assert rcpt(instance, "rui@example.test")[:3] in ("451", "250")
    harness.wait_until("a worker with the new table", lambda: rcpt(instance, "rui@example.test") == "250 2.1.5 Ok")
    assert rcpt(instance, "nosuch@example.test").startswith("550 5.1.1")


def test_hold_reaches_messages_that_wait_for_their_turn(make_instance, closing):
    """On hold at once, without another attempt; and released again, also before the attempt is over."""
    instance = make_instance()
    instance.set(default_destination_concurrency_limit="1", smtp_destination_concurrency_limit="1")
    gate = []

    def slowly(line):
        harness.wait_until("the test to let it go", lambda: gate, 30)
        return "250 2.0.0 Ok"
    sink = closing(harness.Sink({"EOD": slowly}))
    instance.set(relayhost="[127.0.0.1]:%d" % sink.port)
    instance.start()
    for i in range(8):
        instance.run("sendmail", "-f", "eva@far.test", "rui%d@elsewhere.test" % i, input="Subject: %d\n\nx\n" % i)
    harness.wait_until("all to be active", lambda: [m["queue_name"] for m in instance.queue()] == ["active"] * 8)
    done = instance.run("postsuper", "-h", "ALL")
    assert "Placed on hold: 8 messages" in done.stderr
    assert {m["queue_name"] for m in instance.queue()} == {"hold"}
    one = instance.queue()[-1]["queue_id"]
    assert "Released from hold: 1 message" in instance.run("postsuper", "-H", one).stderr
    gate.append(True)
    instance.wait_log(r"%s: removed" % one)
    harness.wait_until("the others to be held", lambda: len(instance.queue()) == 6)
    assert {m["queue_name"] for m in instance.queue()} == {"hold"}
    assert "Released from hold: 6 messages" in instance.run("postsuper", "-H", "ALL").stderr
    instance.run("postqueue", "-f")
    instance.wait_empty()
    assert sorted(r for m in sink.messages for r in m[1]) == ["RCPT TO:<rui%d@elsewhere.test>" % i for i in range(8)]


def test_sendmail_says_who_gets_the_report(instance):
    import getpass
    instance.user("ana")
    instance.start()
    login = "nobody" if instance.as_user() else getpass.getuser()
    assert instance.run("sendmail", "-v", "ana@example.test", input="x\n").stdout == \
        "Mail Delivery Status Report will be mailed to <%s>.\n" % login


def test_few_descriptors_are_enough(instance):
    """`ulimit -n 128`, as in some containers: workers start, and mail is delivered."""
    import subprocess
    instance.user("ana")
    instance.running = True
    subprocess.run(["sh", "-c", 'ulimit -n 128; exec "$@"', "sh", instance.command("malote"), "-c", instance.dir, "start"],
                   check=True, env=instance.env, timeout=30, **instance.as_user())
    harness.wait_until("the SMTP port to answer", lambda: harness.listening(instance.ports["smtp"]))
    assert rcpt(instance, "ana@example.test") == "250 2.1.5 Ok"
    instance.run("sendmail", "ana@example.test", input="Subject: few\n\nx\n")
    instance.wait_mail("ana")
    assert "bad command startup" not in instance.log()


@pytest.mark.skipif(not harness.IS_ROOT, reason="only root makes instances for other users")
def test_init_warns_of_folders_that_mailboxes_cannot_lie_below(folder, make_instance):
    import os
    instance = make_instance()
    closed = folder / "closed"
    closed.mkdir(mode=0o700)
    done = instance.run("malote", "init", closed / "mail", "--domain", "example.test", env={"MAIL_CONFIG": ""})
    assert "others may not enter %s: mail to mailboxes below it will be returned" % os.path.realpath(closed) in done.stderr
    done = instance.run("malote", "init", folder / "open", "--domain", "example.test", env={"MAIL_CONFIG": ""})
    assert "warning" not in done.stderr


def test_a_reload_shortens_the_time_between_queue_runs(instance):
    """The time of the next run counts anew: mail that has lived too long goes back soon."""
    instance.user("ana")
    instance.set(relayhost="[127.0.0.1]:%d" % harness.free_port())
    instance.start()
    instance.run("sendmail", "-f", "ana@example.test", "rui@elsewhere.test", input="Subject: late\n\nx\n")
    instance.wait_log(r"status=deferred \(connect to")
    instance.set(queue_run_delay="1s", minimal_backoff_time="1s", maximal_backoff_time="1s", maximal_queue_lifetime="3s")
    instance.malote("reload")
    instance.run("sendmail", "-f", "ana@example.test", "rui@elsewhere.test", input="Subject: later\n\nx\n")
    instance.wait_log(r"status=expired, returned to sender", timeout=15)
    assert b"Undelivered Mail" in instance.wait_mail("ana")[0]
