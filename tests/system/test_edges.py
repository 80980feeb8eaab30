"""What a sceptical administrator tries: the edges of what the other tests do."""
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
