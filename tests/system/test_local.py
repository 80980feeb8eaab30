"""Mail for the system's own users: aliases, forward files, commands, files, mailboxes; each
delivery with its recipient's rights.  Accounts that every Debian has take the users' part; their
homes are left alone: forward files are looked for in the test's folder."""
import contextlib
import os
import pathlib
import pwd
import re
import signal
import smtplib
import threading
import time

import pytest

import harness

pytestmark = pytest.mark.skipif(not harness.IS_ROOT, reason="delivering as somebody else takes root")

GAMES, MAN = pwd.getpwnam("games"), pwd.getpwnam("man")
NOBODY = pwd.getpwnam("nobody")


@pytest.fixture
def local(instance, folder):
    """An instance whose users' forward files are in forward/; out/ is for what deliveries leave."""
    for name in ("forward", "out"):
        (folder / name).mkdir()
    (folder / "out").chmod(0o1777)
    instance.out, instance.forwards = folder / "out", folder / "forward"
    forward = "%s/forward/$user" % folder
    instance.set(myorigin="$myhostname", forward_path="%s${recipient_delimiter}${extension}, %s" % (forward, forward), minimal_backoff_time="60s",
                 maximal_backoff_time="60s")
    instance.user("ana")

    def forward(name, text, owner):
        path = instance.forwards / name
        path.write_text(text)
        os.chown(path, owner.pw_uid, owner.pw_gid)
    instance.forward = forward

    def script(name, text):
        """An executable that everybody may run."""
        path = folder / name
        path.write_text("#!/bin/sh\n" + text + "\n")
        path.chmod(0o755)
        return path
    instance.script = script

    def left(name, owner):
        """What a delivery left in out/, once it is whole; it must belong to `owner`."""
        path = instance.out / name
        try:
            harness.wait_until("%s to be left" % name, lambda: path.exists() and ": removed" in instance.log())
        except harness.Trouble as trouble:
            raise harness.Trouble("%s; the log ends:\n%s" % (trouble, instance.log()[-3000:])) from None
        assert path.stat().st_uid == owner.pw_uid, path
        return path.read_text(errors="replace")
    instance.left = left

    def send(*names, text="Subject: x\r\n\r\nThe body.\r\n", sender="eva@far.test"):
        with smtplib.SMTP("127.0.0.1", instance.ports["smtp"], timeout=20) as client:
            client.sendmail(sender, [name + "@mail.example.test" for name in names], text)
    instance.send = send
    instance.box = lambda name: instance.dir / "mail" / "local" / name
    return instance


def start(local, **settings):
    if settings:
        local.set(**settings)
    local.start()


# ---- mailboxes ----

def test_a_mailbox_file(local):
    start(local)
    local.send("games", text="Subject: one\r\n\r\nFrom here\r\n>From there\r\nFromage\r\n.dot\r\nno end")
    local.wait_log(r"postfix/local\[\d+\]: \w+: to=<games@mail\.example\.test>, relay=local, .*dsn=2\.0\.0, status=sent "
                   r"\(delivered to mailbox\)")
    local.send("games", text="Subject: two\r\n\r\ntwo\r\n", sender="")
    local.wait_log(r"status=sent \(delivered to mailbox\)", count=2)
    text = local.box("games").read_text()
    assert re.match(r"From eva@far\.test  \w{3} \w{3} [ \d]\d \d\d:\d\d:\d\d \d{4}\n"
                    r"Return-Path: <eva@far\.test>\nX-Original-To: games@mail\.example\.test\n"
                    r"Delivered-To: games@mail\.example\.test\nReceived: ", text), text
    assert "\n\n>From here\n>From there\nFromage\n.dot\nno end\n\nFrom MAILER-DAEMON  " in text
    assert "\nReturn-Path: <>\n" in text
    assert text.endswith("\n\ntwo\n\n")
    status = local.box("games").stat()
    assert (status.st_uid, status.st_mode & 0o777) == (GAMES.pw_uid, 0o600)
    assert not local.box("games.lock").exists()


@pytest.mark.parametrize("end, then", [("half a li", "\n\n"), ("a line\n", "\n"), ("x", "\n\n"), ("zeros\0\0", "\n\n"), ("whole\n\n\0\0\0", ""), ("whole\n\n", "")])
def test_a_mailbox_file_that_a_crash_cut_off(local, end, then):
    box = local.box("games")
    box.write_text(end)
    os.chown(box, GAMES.pw_uid, GAMES.pw_gid)
    start(local)
    local.send("games")
    local.wait_log(r"status=sent \(delivered to mailbox\)")
    assert box.read_text().startswith(end.rstrip("\0") + then + "From eva@far.test  ")


def test_mailboxes_as_maildirs(local):
    local.box("").parent.chmod(0o1777)
    start(local, mail_spool_directory="%s/" % local.box("").parent.joinpath("local"))
    local.send("games")
    local.wait_log(r"to=<games@mail\.example\.test>, .*status=sent \(delivered to maildir\)")
    (path,) = (local.box("games") / "new").iterdir()
    assert path.stat().st_uid == GAMES.pw_uid
    assert path.read_text().startswith("Return-Path: <eva@far.test>\nX-Original-To: ")


def test_an_extension_is_not_part_of_the_name(local):
    start(local)
    local.send("games+lists", "Games")
    local.wait_log(r"delivered to mailbox", count=2)
    text = local.box("games").read_text()
    assert "Delivered-To: games+lists@mail.example.test\n" in text


def test_a_mailbox_that_is_somebody_elses(local):
    local.box("games").write_text("")
    os.chown(local.box("games"), MAN.pw_uid, MAN.pw_gid)
    start(local)
    local.send("games")
    local.wait_log(r"to=<games@mail\.example\.test>, .*status=(deferred|bounced) \(.*\)")
    assert local.box("games").read_text() == ""


def test_a_mailbox_that_is_a_link(local):
    (local.out / "target").write_text("untouched")
    os.chown(local.out / "target", GAMES.pw_uid, GAMES.pw_gid)
    local.box("games").symlink_to(local.out / "target")
    start(local)
    local.send("games")
    local.wait_log(r"to=<games@mail\.example\.test>, .*status=(deferred|bounced|sent)")
    if "status=sent" not in local.log():
        assert (local.out / "target").read_text() == "untouched"


def test_a_full_mailbox(local):
    start(local, mailbox_size_limit="3000", message_size_limit="2000")
    for _ in range(3):
        local.send("games", text="Subject: x\r\n\r\n" + ("x" * 70 + "\r\n") * 15, sender="ana@example.test")
    local.wait_log(r"to=<games@mail\.example\.test>, .*dsn=5\.2\.2, status=bounced")
    assert local.box("games").stat().st_size <= 3000


def test_unknown_users(local):
    start(local, local_recipient_maps="")
    local.send("nosuchuser", sender="ana@example.test")
    local.wait_log(r'to=<nosuchuser@mail\.example\.test>, relay=local, .*dsn=5\.1\.1, status=bounced \(unknown user: "nosuchuser"\)')
    local.wait_mail("ana")


def test_luser_relay(local):
    start(local, local_recipient_maps="", luser_relay="ana+$user@example.test")
    local.send("nosuchuser")
    local.wait_log(r"to=<ana\+nosuchuser@example\.test>, orig_to=<nosuchuser@mail\.example\.test>")
    local.wait_mail("ana")


def kill_delivery_processes(local, user):
    """kill -9 what acts as `user` now; how many those were."""
    victims = [pid for pid in local.processes() if pathlib.Path("/proc/%d" % pid).exists()
               and os.stat("/proc/%d" % pid).st_uid == user.pw_uid]
    for pid in victims:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    return len(victims)


@pytest.mark.parametrize("form", ["maildir", "mbox"])
def test_killed_in_the_middle_of_many(local, form):
    """What a delivery process had not answered for when it died is delivered again: nothing is lost,
    and nothing in new/ is cut short."""
    sent, kills = set(), 0
    if form == "maildir":
        local.set(mail_spool_directory=local.get("mail_spool_directory").rstrip("/") + "/")
    start(local, mailbox_delivery_lock="fcntl")
    body = "Subject: number %03d\r\n\r\n" + ("x" * 70 + "\r\n") * 200 + "the end of %03d\r\n"

    def send(first):  # 80 messages together, more of them if that was too fast to kill anything
        for number in range(first, 1000, 4):
            if number >= 80 and kills > 3:
                break
            local.send("games", text=body % (number, number))
            sent.add(number)
    senders = [threading.Thread(target=send, args=(first,)) for first in range(4)]
    for sender in senders:
        sender.start()
    while any(sender.is_alive() for sender in senders):
        kills += kill_delivery_processes(local, GAMES)
        time.sleep(0.03)
    for sender in senders:
        sender.join()
    assert kills > 3 and len(sent) >= 80

    def empty():
        local.run("postqueue", "-c", local.dir, "-f")
        # In this order: mailq does not list what pickup has still to take.
        return not list((local.spool / "maildrop").iterdir()) and not local.queue()
    harness.wait_until("all to be delivered", empty, 60, 0.5)
    if form == "maildir":
        texts = [path.read_text() for path in (local.box("games") / "new").iterdir()]
        assert all(re.search(r"^the end of \d+\n\Z", text, re.M) for text in texts)
    else:
        texts = [local.box("games").read_text()]
    missing = set()
    for number in sent:
        whole = re.compile(r"^Subject: number %03d\n(?:.+\n)*\n(x{70}\n){200}the end of %03d$" % (number, number), re.M)
        if not any(whole.search(text) for text in texts):
            missing.add(number)
    assert not missing, "%s\n%s" % (sorted(missing), local.log()[-20000:])


# ---- commands ----

def test_mailbox_command(local):
    command = local.script("deliver", 'id -u >%s/uid; env >%s/env; cat >%s/message' % ((local.out,) * 3))
    start(local, mailbox_command=str(command) + ' "$EXTENSION"')
    local.send("games+ext")
    local.wait_log(r'status=sent \(delivered to command: %s "\$EXTENSION"\)' % re.escape(str(command)))
    assert local.left("uid", GAMES) == "%d\n" % GAMES.pw_uid
    env = dict(line.split("=", 1) for line in local.left("env", GAMES).splitlines() if "=" in line)
    for name, value in (("USER", "games"), ("LOGNAME", "games"), ("HOME", GAMES.pw_dir), ("EXTENSION", "ext"),
                        ("LOCAL", "games+ext"), ("DOMAIN", "mail.example.test"), ("SENDER", "eva@far.test"),
                        ("RECIPIENT", "games+ext@mail.example.test")):
        assert env.get(name) == value, (name, env)
    assert "MALOTE_LISTEN" not in env and "MAIL_CONFIG" in env
    assert local.left("message", GAMES).startswith("From eva@far.test ")


@pytest.mark.parametrize("what, dsn, status, words", [
    ("echo try later; exit 75", "4.3.0", "deferred", r"temporary failure\. Command output: try later"),
    ("echo who is that; exit 67", "5.1.1", "bounced", r"user unknown\. Command output: who is that"),
    ("kill -9 $$", "4.3.0", "deferred", r'Command died with signal 9: ".*"'),
    ("exit 3", "5.3.0", "bounced", r'Command died with status 3: ".*"'),
    ("echo 5.7.1 not for you; exit 77", "5.7.1", "bounced", r".*not for you"),
    ("sleep 30", "5.3.0", "bounced", r'Command time limit exceeded: ".*"'),
    ("exit 0", "2.0.0", "sent", r"delivered to command: .*"),
])
def test_how_a_command_ends(local, what, dsn, status, words):
    command = local.script("ends", "cat >/dev/null; " + what)
    local.aliases("postmaster: root\nroot: /dev/null\nprogram: |%s\n" % command)
    start(local, command_time_limit="2s")
    local.send("program", sender="ana@example.test")
    local.wait_log(r"to=<program@mail\.example\.test>, relay=local, .*dsn=%s, status=%s \(%s\)" % (
        re.escape(dsn), status, words))
    if status == "bounced":
        local.wait_mail("ana")
    if status == "deferred":
        assert len(local.queue()) == 1


def test_a_command_that_reads_nothing_of_a_big_message(local):
    command = local.script("deaf", "exit 0")
    local.aliases("program: |%s\n" % command)
    start(local)
    local.send("program", text="Subject: x\r\n\r\n" + ("x" * 70 + "\r\n") * 20000)
    local.wait_log(r"to=<program@mail\.example\.test>, .*status=sent")


@pytest.mark.parametrize("limit", [2, 1])
def test_how_many_commands_run_for_one_user(local, limit):
    """local gets more deliveries for one user than the limit, and counts the commands itself."""
    command = local.script("counted", "cat >/dev/null; echo + >>%s/trace; sleep 0.3; echo - >>%s/trace" % ((local.out,) * 2))
    start(local, mailbox_command=str(command), local_destination_concurrency_limit=limit)
    for number in range(6):
        local.send("games")
    local.wait_log(r"status=sent \(delivered to command", count=6)
    running = most = 0
    for mark in (local.out / "trace").read_text().split():
        running += 1 if mark == "+" else -1
        most = max(most, running)
    assert (running, most) == (0, limit)
    assert "local_destination_concurrency_limit has no effect" not in local.log()


# ---- aliases ----

def test_commands_and_files_of_aliases_run_as_nobody(local):
    command = local.script("who", 'id -u >%s/uid; id -G >%s/groups; cat >%s/message' % ((local.out,) * 3))
    local.aliases('both: "|%s", %s/file\n' % (command, local.out))
    start(local)
    local.send("both")
    assert local.left("uid", NOBODY) == "%d\n" % NOBODY.pw_uid
    assert local.left("groups", NOBODY).split() == [str(NOBODY.pw_gid)]
    assert "Delivered-To: both@mail.example.test\n" in local.left("message", NOBODY)
    text = local.left("file", NOBODY)
    assert text.startswith("From eva@far.test  ") and text.endswith("The body.\n\n")
    local.wait_log(r"status=sent \(delivered to file: %s/file\)" % re.escape(str(local.out)))


def test_an_alias_file_of_a_user_runs_commands_as_that_user(local):
    command = local.script("who", 'id -u >%s/uid; cat >/dev/null' % local.out)
    table = local.write("games-aliases", "theirs: |%s\n" % command)
    local.run("postalias", "hash:%s" % table)
    for path in (table, table.with_name("games-aliases.db")):
        os.chown(path, GAMES.pw_uid, GAMES.pw_gid)
    start(local, alias_maps="hash:%s/aliases, hash:%s" % (local.dir, table))
    local.send("theirs")
    assert local.left("uid", GAMES) == "%d\n" % GAMES.pw_uid


def test_include(local):
    members = local.write("members", "# people\nana@example.test\ngames, man\n")
    local.aliases("team: :include:%s\n" % members)
    start(local)
    local.send("team")
    local.wait_mail("ana")
    local.wait_log(r"to=<games@mail\.example\.test>, orig_to=<team@mail\.example\.test>, .*delivered to mailbox")
    local.wait_log(r"to=<man@mail\.example\.test>, orig_to=<team@mail\.example\.test>, .*delivered to mailbox")


def test_commands_in_an_included_file_need_leave(local):
    members = local.write("members", "|/bin/true\n")
    local.aliases("team: :include:%s\n" % members)
    start(local)
    local.send("team", sender="ana@example.test")
    local.wait_log(r"to=<team@mail\.example\.test>, .*dsn=5\.7\.1, status=bounced \(mail to command is restricted\)")


def test_files_included_by_a_forward_file(local, folder):
    """Twenty within each other are followed; more come back, and nothing dies of them."""
    for depth in range(40):
        path = folder / ("list%d" % depth)
        path.write_text(":include:%s/list%d\n" % (folder, depth + 1) if depth != 30 else "ana@example.test\n")
        os.chown(path, GAMES.pw_uid, GAMES.pw_gid)
    local.forward("games", ":include:%s/list11\n" % folder, GAMES)
    local.forward("man", ":include:%s/list10\n" % folder, MAN)
    start(local)
    local.send("games", sender="ana@example.test")
    local.wait_log(r"to=<games@mail\.example\.test>, .*status=sent \(forwarded\)")
    local.send("man", sender="ana@example.test")
    local.wait_log(r"to=<man@mail\.example\.test>, .*dsn=5\.2\.4, status=bounced \(cannot include file: :include: files are nested too deep\)")
    assert "has ended unexpectedly" not in local.log()


def test_commands_of_an_included_file_run_as_its_owner(local):
    command = local.script("who", 'id -u >%s/uid; cat >/dev/null' % local.out)
    members = local.write("members", "|%s\n" % command)
    os.chown(members, GAMES.pw_uid, GAMES.pw_gid)
    local.aliases("team: :include:%s\n" % members)
    start(local, allow_mail_to_commands="alias, forward, include")
    local.send("team")
    assert local.left("uid", GAMES) == "%d\n" % GAMES.pw_uid


def test_an_included_file_that_is_not_there(local):
    local.aliases("team: :include:%s/nothing\n" % local.dir)
    start(local)
    local.send("team")
    local.wait_log(r"to=<team@mail\.example\.test>, .*dsn=5\.2\.4, status=bounced \(")


def test_the_owner_of_a_list_is_its_sender(local):
    local.aliases("list1: ana@example.test, games\nowner-list1: man\n")
    start(local)
    local.send("list1")
    assert local.wait_mail("ana")[0].startswith(b"Return-Path: <owner-list1@mail.example.test>\n")
    local.wait_log(r"delivered to mailbox")
    assert "Return-Path: <owner-list1@mail.example.test>\n" in local.box("games").read_text()


def test_bounces_of_a_list_go_to_its_owner(local):
    local.aliases("list1: nosuchuser, games\nowner-list1: ana@example.test\n")
    start(local)
    local.send("list1", sender="man@mail.example.test")
    bounce = local.wait_mail("ana")[0]
    assert b"nosuchuser" in bounce
    assert not local.box("man").exists()


def test_aliases_that_go_round(local):
    local.aliases("one: two\ntwo: three\nthree: one\nself: self, ana@example.test\n")
    start(local)
    local.send("self")
    local.wait_mail("ana")
    local.send("one", sender="ana@example.test")
    local.wait_log(r"dsn=5\.4\.6, status=bounced|to=<one@mail\.example\.test>, .*status=bounced")


# ---- forward files ----

def test_a_forward_file(local):
    command = local.script("who", 'id -u >>%s/uid; cat >/dev/null' % local.out)
    local.forward("games", '# mine\n\\games, "|%s"\nana@example.test\n%s/saved\n' % (command, local.out), GAMES)
    start(local)
    local.send("games")
    assert b"X-Original-To: games@mail.example.test\n" in local.wait_mail("ana")[0]
    assert local.left("uid", GAMES) == "%d\n" % GAMES.pw_uid
    assert "The body." in local.left("saved", GAMES)
    local.wait_log(r"delivered to mailbox")
    assert "The body." in local.box("games").read_text()


def test_a_forward_file_for_an_extension(local):
    local.forward("games", "man\n", GAMES)
    local.forward("games+lists", "%s/lists\n" % local.out, GAMES)
    start(local)
    local.send("games+lists")
    local.left("lists", GAMES)
    local.send("games+other")
    local.wait_log(r"to=<man\S*@mail\.example\.test>, orig_to=<games\+other@mail\.example\.test>, .*delivered to mailbox")


def test_a_forward_file_that_others_may_write_to(local):
    local.forward("games", "ana@example.test\n", GAMES)
    (local.forwards / "games").chmod(0o666)
    local.forward("man", "ana@example.test\n", GAMES)  # not man's own
    start(local)
    local.send("games", "man")
    local.wait_log(r"delivered to mailbox", count=2)
    assert local.mailbox("ana") == []


def test_roots_mail_is_not_handled_as_root(local):
    command = local.script("who", 'id -u >%s/uid; cat >/dev/null' % local.out)
    local.aliases("postmaster: root\n")
    local.forward("root", "|%s\n" % command, pwd.getpwnam("root"))
    start(local)
    local.send("root")
    assert local.left("uid", NOBODY) == "%d\n" % NOBODY.pw_uid


def test_a_loop_is_stopped(local):
    start(local)
    local.send("games", text="Delivered-To: games@mail.example.test\r\nSubject: x\r\n\r\nx\r\n", sender="ana@example.test")
    local.wait_log(r"to=<games@mail\.example\.test>, relay=local, .*dsn=5\.4\.6, status=bounced "
                   r"\(mail forwarding loop for games@mail\.example\.test\)")
    assert b"mail forwarding loop" in local.wait_mail("ana")[0]


# ---- pipe ----

def test_a_pipe(local):
    command = local.script("piped", 'id -u >%s/uid; id -g >%s/gid; printf "%%s\\n" "$@" >%s/args; cat >%s/message'
                           % ((local.out,) * 4))
    local.master("toprogram unix - n n - - pipe\n  flags=DORhu user=games:man argv=%s ${sender} ${recipient} ${user} "
                 "${extension} ${nexthop} ${size}" % command)
    start(local, transport_maps="inline:{ { piped.test = toprogram:there } }", toprogram_destination_recipient_limit="1")
    with smtplib.SMTP("127.0.0.1", local.ports["smtp"], timeout=20) as client:
        client.sendmail("eva@far.test", ["Joe+x@Piped.test"], "Subject: x\r\n\r\n.dot\r\n")
    local.wait_log(r"postfix/pipe\[\d+\]: \w+: to=<Joe\+x@Piped\.test>, relay=toprogram, .*status=sent "
                   r"\(delivered via toprogram service\)")
    assert local.left("uid", GAMES) == "%d\n" % GAMES.pw_uid
    assert local.left("gid", GAMES) == "%d\n" % MAN.pw_gid
    args = local.left("args", GAMES).splitlines()
    assert args[:5] == ["eva@far.test", "joe+x@piped.test", "joe", "x", "there"]
    text = local.left("message", GAMES)
    assert text.startswith("Return-Path: <eva@far.test>\nX-Original-To: Joe+x@Piped.test\n"
                           "Delivered-To: Joe+x@Piped.test\n")
    assert int(args[5]) > 0 and text.endswith("\n\n.dot\n")
