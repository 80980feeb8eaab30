"""The configuration files that Debian's package of Postfix installs, as they are but for paths,
ports and, where they are missing, the names of accounts: accepted, shown by postconf as Postfix
shows them, and enough to carry mail, in the chroot that Debian's master.cf asks for.

MALOTE_MAINCF_CORPUS may name a folder of configurations (one folder each, "/" in the names of
files written as "%"); each is then loaded and checked."""
import grp
import os
import pathlib
import pwd
import re
import smtplib
import subprocess
import sys

import pytest

import harness

sys.path.insert(0, str(harness.TOP / "tests" / "compat"))

import debian_postfix  # noqa: E402

CORPUS = os.environ.get("MALOTE_MAINCF_CORPUS")


@pytest.fixture(scope="module")
def package():
    root = debian_postfix.root()
    if root is None:
        pytest.skip("Debian's package of Postfix is not to be had here")
    return root


def theirs(root, *args):
    """Run Debian's postconf."""
    return subprocess.run([str(root / "usr/sbin/postconf"), *map(str, args)], capture_output=True, encoding="latin-1",
                          timeout=60, env=dict(os.environ, LD_LIBRARY_PATH=str(root / "usr/lib/postfix"), LC_ALL="C"))


def masked(text):
    """Without $process_id, and without NIS, for which Debian builds Postfix."""
    return re.sub(r"(ddd \S+|postconf) \d+\b", r"\1 PID", text).replace(", nis:mail.aliases", "")


def known(lookup, name):
    try:
        lookup(name)
        return True
    except KeyError:
        return False


@pytest.fixture
def stock(make_instance, package, folder):
    """stock(main): an instance whose main.cf is `main` of the package ("debian" or "dist"), completed as
    the package's scripts do it, and whose master.cf is the package's."""
    def make(main="debian", **more):
        instance = make_instance("stock")
        owner, group = instance.get("mail_owner"), instance.get("setgid_group")
        share = package / "usr/share/postfix"
        text = (share / ("main.cf." + main)).read_text()
        if main == "debian":
            text += (share / "main.cf.tls").read_text()
        else:
            # What the package's post-install script fills in, and main.cf.dist leaves empty.
            text = re.sub(r"(?m)^(\w+) =\s*$", r"#\1 =", text)
        (instance.dir / "main.cf").write_text(text)
        master = (share / "master.cf.dist").read_text()
        assert re.search(r"(?m)^smtp +inet ", master)
        (instance.dir / "master.cf").write_text(
            re.sub(r"(?m)^smtp( +inet )", r"127.0.0.1:%d\1" % instance.ports["smtp"], master))
        instance.write("aliases", "postmaster: root\nroot: games\nnobody: /dev/null\n")
        (folder / "mailboxes").mkdir()
        (folder / "mailboxes").chmod(0o1777)
        if main == "debian":
            instance.set(smtpd_relay_restrictions="permit_mynetworks permit_sasl_authenticated defer_unauth_destination",
                         myhostname="stock.example.test", alias_maps="hash:%s/aliases" % instance.dir,
                         alias_database="hash:%s/aliases" % instance.dir,
                         mydestination="$myhostname, stock.example.test, localhost.example.test, , localhost", relayhost="",
                         mynetworks="127.0.0.0/8 [::ffff:127.0.0.0]/104 [::1]/128", mailbox_size_limit="0",
                         recipient_delimiter="+", inet_interfaces="all", inet_protocols="all")
        else:
            instance.set(alias_maps="hash:%s/aliases" % instance.dir, alias_database="hash:%s/aliases" % instance.dir)
        instance.set(queue_directory="%s/spool" % folder, data_directory="%s/data" % folder,
                     daemon_directory=str(harness.LIBEXEC), command_directory=str(harness.SBIN),
                     maillog_file="%s/log/mail.log" % instance.dir, maillog_file_prefixes=str(folder),
                     mail_spool_directory="%s/mailboxes" % folder, smtpd_tls_cert_file="%s/tls/cert.pem" % instance.dir,
                     smtpd_tls_key_file="%s/tls/key.pem" % instance.dir,
                     import_environment="MAIL_CONFIG TZ LANG LC_ALL " + " ".join(harness.SANITIZER_NAMES))
        if more:
            instance.set(**more)
        if not (known(pwd.getpwnam, "postfix") and known(grp.getgrnam, "postdrop")):
            instance.set(mail_owner=owner, setgid_group=group)
        instance.mailboxes = folder / "mailboxes"
        return instance
    return make


@pytest.mark.parametrize("main", ["debian", "dist"])
def test_postconf_shows_what_postfix_shows(stock, package, main):
    instance = stock(main)
    for args in (["-n"], ["-M"], ["-P"], ["-nx"], ["-F"]):
        ours = instance.run("postconf", "-c", instance.dir, *args).stdout
        assert masked(ours) == masked(theirs(package, "-c", instance.dir, *args).stdout), args
        assert ours.count("\n") > 10 or args == ["-P"]


@pytest.mark.parametrize("name", ["main.cf.debian", "main.cf.dist", "main.cf.tls"])
def test_postconf_shows_untouched_files(instance, package, folder, name):
    untouched = folder / "untouched"
    untouched.mkdir()
    (untouched / "main.cf").write_bytes((package / "usr/share/postfix" / name).read_bytes())
    (untouched / "master.cf").write_bytes((package / "usr/share/postfix/master.cf.dist").read_bytes())
    for args in (["-n"], ["-M"], ["-P"], ["-F"]):
        ours = instance.run("postconf", "-c", untouched, *args, check=False)
        assert ours.stdout == theirs(package, "-c", untouched, *args).stdout, (args, ours.stderr)


@pytest.mark.skipif(not harness.IS_ROOT, reason="chroots take root")
@pytest.mark.parametrize("main", ["debian", "dist"])
def test_the_stock_system_carries_mail_in_its_chroot(stock, closing, main):
    sink = closing(harness.Sink())
    instance = stock(main, relayhost="[127.0.0.1]:%d" % sink.port)
    instance.run("newaliases")
    done = instance.malote("check")
    assert "fatal" not in done.stderr, done.stderr
    instance.start()
    host = instance.get("myhostname")
    with smtplib.SMTP("127.0.0.1", instance.ports["smtp"], timeout=20) as client:
        client.ehlo("client.far.test")
        assert client.has_extn("starttls") == (main == "debian")
        replies = [client.docmd(line)[0] for line in (
            "MAIL FROM:<eva@far.test>", "RCPT TO:<games@%s>" % host, "RCPT TO:<no-such-user@%s>" % host,
            "RCPT TO:<postmaster>", "RCPT TO:<rui@remote.test>")]
        assert replies == [250, 250, 550, 250, 250]
        assert client.data("Subject: x\r\n\r\nby SMTP\r\n")[0] == 250
    instance.run("sendmail", "games" if main == "dist" else "games+ext", input="Subject: y\n\nby sendmail\n")
    box = instance.mailboxes / "games"
    harness.wait_until("both messages", lambda: box.exists() and "by SMTP" in box.read_text()
                       and "by sendmail" in box.read_text())
    assert box.stat().st_uid == pwd.getpwnam("games").pw_uid
    sink.wait(1)
    assert sink.messages[0][1] == ["RCPT TO:<rui@remote.test>"] or "rui@remote.test" in sink.messages[0][1][0]

    owner, spool = pwd.getpwnam(instance.get("mail_owner")).pw_uid, str(instance.spool)
    seen = {}
    for pid, line in instance.processes().items():
        name = pathlib.Path(line.split()[0]).name
        uid = int(re.search(r"(?m)^Uid:\s+\d+\s+(\d+)", pathlib.Path("/proc/%d/status" % pid).read_text()).group(1))
        seen.setdefault(name, set()).add((os.readlink("/proc/%d/root" % pid), uid))
    assert seen["smtpd"] == {(spool, owner)}, seen
    assert seen["pickup"] == {(spool, owner)}, seen
    assert seen["smtp"] == {(spool, owner)}, seen
    assert seen["qmgr"] == {("/", owner)}, seen
    assert seen["proxymap"] <= {("/", owner)}, seen
    assert {root for root, _ in seen["local"]} == {"/"}, seen
    instance.stop()
    log = instance.log()
    assert not re.search(r"fatal|panic|terminated|not found|unknown|unused", log.replace("User unknown", "")), log
    harness.wait_until("everything to end", lambda: not instance.processes())


def test_a_certificate_that_is_not_there_is_no_end(stock):
    instance = stock(smtpd_tls_cert_file="/etc/ssl/certs/no-such-file.pem",
                     smtpd_tls_key_file="/etc/ssl/private/no-such-file.key")
    instance.run("newaliases")
    instance.start()
    with smtplib.SMTP("127.0.0.1", instance.ports["smtp"], timeout=20) as client:
        client.ehlo("client.far.test")
        assert client.docmd("STARTTLS") == (454, b"4.7.0 TLS not available due to local problem")
        client.sendmail("eva@far.test", ["games@localhost"], "Subject: x\r\n\r\nx\r\n")
    instance.wait_log(r"warning: .*no-such-file\.(pem|key)")


# ---- configurations of other people ----

if CORPUS:
    @pytest.mark.parametrize("tree", sorted(p for p in pathlib.Path(CORPUS).iterdir() if p.is_dir()),
                             ids=lambda p: p.name)
    def test_a_configuration_of_somebody_else(instance, package, folder, tree):
        for source in sorted(tree.iterdir()):
            name = source.name.split("%")[-1]
            if name in ("main.cf", "master.cf"):
                (folder / name).write_bytes(source.read_bytes())
        for args in (["-n"], ["-M"], ["-P"], ["-nx"]):
            needed = "master.cf" if args[0] in ("-M", "-P") else "main.cf"
            if not (folder / needed).exists():
                continue
            ours = instance.run("postconf", "-c", folder, *args, check=False)
            expected = theirs(package, "-c", folder, *args)
            assert ours.returncode == expected.returncode, (ours.stderr, expected.stderr)
            assert ("fatal" in ours.stderr) == ("fatal" in expected.stderr), (ours.stderr, expected.stderr)
            assert masked(ours.stdout) == masked(expected.stdout), (args, ours.stderr)
