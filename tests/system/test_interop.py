"""Other people's programs at the other end: Debian's Postfix as next hop and as sender, Dovecot's
LMTP as target, Dovecot's auth socket behind AUTH.  All run privately, in the test's folder."""
import base64
import grp
import os
import pathlib
import pwd
import signal
import smtplib
import ssl
import subprocess
import sys
import time

import pytest

import harness

sys.path.insert(0, str(harness.TOP / "tests" / "compat"))

import debian_postfix  # noqa: E402

EIGHT_BIT = "Conteúdo com acentos: ação, não, €.".encode()
BIG = b"".join(b"%06d " % i + b"x" * 60 + b"\r\n" for i in range(1024 * 1024 // 69 + 1))


def first_known(lookup, *names):
    for name in names:
        try:
            lookup(name)
            return name
        except KeyError:
            pass
    raise harness.Trouble("none of %s is known here" % ", ".join(names))


class Postfix:
    """Debian's Postfix, unpacked and not installed, with a folder of its own; every address of
    its domain goes to one maildir."""

    SERVICES = """cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
tlsmgr unix - - n 1000? 1 tlsmgr
proxymap unix - - n - - proxymap
smtp unix - - n - - smtp
relay unix - - n - - smtp
virtual unix - n n - - virtual
error unix - - n - - error
retry unix - - n - - error
anvil unix - - n - 1 anvil
scache unix - - n - 1 scache
postlog unix-dgram n - n - 1 postlogd
"""

    def __init__(self, root, folder, domain="postfix.test", **settings):
        self.folder, self.domain, self.port = pathlib.Path(folder), domain, harness.free_port()
        owner = first_known(pwd.getpwnam, "postfix", "mail")
        group = first_known(grp.getgrnam, "postdrop", "list")
        libraries = root / "usr/lib/postfix"
        spool = self.folder / "spool"
        for sub in ("active bounce corrupt defer deferred flush hold incoming maildrop pid private public saved "
                    "trace").split():
            (spool / sub).mkdir(parents=True)
            if sub != "pid":
                os.chown(spool / sub, pwd.getpwnam(owner).pw_uid, -1)
        (self.folder / "data").mkdir()
        os.chown(self.folder / "data", pwd.getpwnam(owner).pw_uid, -1)
        self.uid, self.gid = harness.another_user()
        (self.folder / "box").mkdir()
        os.chown(self.folder / "box", self.uid, self.gid)
        harness.certificate(self.folder, "mx." + domain)
        values = dict(
            compatibility_level="3.6", queue_directory=spool, data_directory=self.folder / "data", mail_owner=owner,
            setgid_group=group, daemon_directory=libraries / "sbin", shlib_directory="no",
            meta_directory=root / "etc/postfix", command_directory=root / "usr/sbin",
            import_environment="MAIL_CONFIG TZ LD_LIBRARY_PATH=%s" % libraries, maillog_file=self.folder / "log",
            maillog_file_prefixes=self.folder, myhostname="mx." + domain, mydestination="", alias_maps="",
            local_recipient_maps="", inet_interfaces="127.0.0.1", inet_protocols="ipv4", mynetworks="127.0.0.0/8",
            virtual_mailbox_domains=domain, virtual_mailbox_maps="static:all/",
            virtual_mailbox_base=self.folder / "box", virtual_uid_maps="static:%d" % self.uid,
            virtual_gid_maps="static:%d" % self.gid, smtpd_tls_security_level="may",
            smtpd_tls_cert_file=self.folder / "cert.pem", smtpd_tls_key_file=self.folder / "key.pem",
            smtpd_tls_loglevel="1", smtp_tls_loglevel="1")
        values.update(settings)
        (self.folder / "main.cf").write_text("".join("%s = %s\n" % pair for pair in values.items()))
        (self.folder / "master.cf").write_text("127.0.0.1:%d inet n - n - - smtpd\n%s" % (self.port, self.SERVICES))
        self.server = harness.Server(
            [str(libraries / "sbin/master"), "-c", str(self.folder), "-d"], lambda: harness.listening(self.port),
            env=dict(os.environ, LD_LIBRARY_PATH=str(libraries), MAIL_CONFIG=str(self.folder)),
            log=self.folder / "out")

    def log(self):
        try:
            return (self.folder / "log").read_text(errors="replace")
        except FileNotFoundError:
            return ""

    def mail(self, count, timeout=60):
        """The messages of its mailbox, once there are `count`."""
        def files():
            return [p for p in (self.folder / "box/all/new").glob("*")]
        try:
            harness.wait_until("%d messages at Postfix" % count, lambda: len(files()) >= count, timeout)
        except harness.Trouble as trouble:
            raise harness.Trouble("%s; its log:\n%s" % (trouble, self.log()[-3000:])) from None
        return [p.read_bytes() for p in files()]

    def close(self):
        self.server.close()


@pytest.fixture
def postfix(folder, closing):
    root = debian_postfix.root()
    if root is None:
        pytest.skip("Debian's Postfix is not to be had here")
    if not harness.IS_ROOT:
        pytest.skip("Debian's Postfix starts as root only")
    return lambda **settings: closing(Postfix(root, folder / "postfix", **settings))


@pytest.fixture
def to_postfix(instance, postfix):
    """to_postfix(malote's settings, Postfix's settings): malote, started, with Postfix as the next
    hop of postfix.test."""
    def make(ours=None, **theirs):
        peer = postfix(**theirs)
        instance.set(transport_maps="inline:{ { postfix.test = smtp:[127.0.0.1]:%d } }" % peer.port,
                     minimal_backoff_time="1s", maximal_backoff_time="2s", queue_run_delay="1s", **(ours or {}))
        instance.user("ana")
        instance.start()
        return instance, peer
    return make


def send(port, recipients, text, sender="eva@far.test", options=()):
    with smtplib.SMTP("127.0.0.1", port, timeout=30) as client:
        client.sendmail(sender, recipients, text, mail_options=options)


def body_of(message):
    """What follows the header, with CRLF as line ends."""
    return message.split(b"\n\n", 1)[1].replace(b"\n", b"\r\n")


# ---- Debian's Postfix as the next hop ----

def test_a_message_to_postfix(to_postfix):
    malote, peer = to_postfix()
    send(malote.ports["smtp"], ["rui@postfix.test"], "Subject: x\r\n\r\n.dot\r\n..two\r\nFrom here\r\n")
    (message,) = peer.mail(1)
    assert body_of(message) == b".dot\r\n..two\r\nFrom here\r\n"
    assert message.startswith(b"Return-Path: <eva@far.test>\n")
    assert b"Received: from mail.example.test" in message and b"with ESMTPS id" in message
    malote.wait_log(r"to=<rui@postfix\.test>, relay=127\.0\.0\.1\[127\.0\.0\.1\]:%d, .*dsn=2\.0\.0, status=sent "
                    r"\(250 2\.0\.0 Ok: queued as \w+\)" % peer.port)


def test_starttls_to_postfix_is_insisted_on(to_postfix):
    malote, peer = to_postfix({"smtp_tls_security_level": "encrypt", "smtp_tls_loglevel": "1"},
                              smtpd_tls_security_level="encrypt", smtpd_tls_received_header="yes")
    send(malote.ports["smtp"], ["rui@postfix.test"], "Subject: x\r\n\r\nx\r\n")
    assert b"using TLSv1.3 with cipher" in peer.mail(1)[0]
    malote.wait_log(r"Untrusted TLS connection established to 127\.0\.0\.1\[127\.0\.0\.1\]:%d: TLSv1\.3 with cipher"
                    % peer.port)


def test_a_postfix_without_starttls_is_not_used_at_level_encrypt(to_postfix):
    malote, peer = to_postfix({"smtp_tls_security_level": "encrypt"}, smtpd_tls_security_level="none")
    send(malote.ports["smtp"], ["rui@postfix.test"], "Subject: x\r\n\r\nx\r\n")
    malote.wait_log(r"to=<rui@postfix\.test>, .*dsn=4\.7\.4, status=deferred \(TLS is required, but was not offered by "
                    r"host 127\.0\.0\.1\[127\.0\.0\.1\]\)")
    assert not (peer.folder / "box/all").exists()


@pytest.mark.parametrize("discard", ["", "pipelining", "8bitmime,pipelining,size,starttls"])
def test_eight_bits_and_a_mebibyte_to_postfix(to_postfix, discard):
    malote, peer = to_postfix(smtpd_discard_ehlo_keywords=discard)
    send(malote.ports["smtp"], ["rui@postfix.test"], b"Subject: x\r\nMIME-Version: 1.0\r\nContent-Type: text/plain; "
         b"charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\n" + EIGHT_BIT + b"\r\n",
         options=["BODY=8BITMIME"])
    (message,) = peer.mail(1)
    if "8bitmime" in discard:
        # converted for a server that takes seven bits only, or sent as it is
        assert EIGHT_BIT in message or b"quoted-printable" in message.lower()
    else:
        assert body_of(message) == EIGHT_BIT + b"\r\n"
    send(malote.ports["smtp"], ["rui@postfix.test"], b"Subject: big\r\n\r\n" + BIG)
    assert any(body_of(m) == BIG for m in peer.mail(2))


def test_fifty_recipients_to_postfix(to_postfix):
    malote, peer = to_postfix()
    send(malote.ports["smtp"], ["u%d@postfix.test" % i for i in range(50)], "Subject: x\r\n\r\nx\r\n")
    messages = peer.mail(50)
    assert len({m.split(b"Delivered-To: ")[1].split(b"\n")[0] for m in messages}) == 50
    assert len({m.split(b"with ESMTPS id ")[1].split(b"\n")[0] for m in messages}) == 1
    malote.wait_log(r": removed")
    assert malote.queue() == []


def test_recipients_that_postfix_refuses(to_postfix):
    malote, peer = to_postfix(virtual_mailbox_maps="inline:{ good@postfix.test=all/ }")
    send(malote.ports["smtp"], ["good@postfix.test", "bad@postfix.test"], "Subject: x\r\n\r\nx\r\n",
         sender="ana@example.test")
    peer.mail(1)
    bounce = malote.wait_mail("ana")[0].decode()
    assert "Final-Recipient: rfc822; bad@postfix.test" in bounce
    assert "User unknown in virtual mailbox table" in bounce
    assert "good@postfix.test" not in bounce


def test_a_message_that_is_too_big_for_postfix(to_postfix):
    malote, _ = to_postfix(message_size_limit="20000")
    send(malote.ports["smtp"], ["rui@postfix.test"], b"Subject: big\r\n\r\n" + BIG, sender="ana@example.test")
    malote.wait_log(r"to=<rui@postfix\.test>, .*dsn=5\.3\.4, status=bounced \(message size \d+ exceeds size limit 20000 of "
                    r"server 127\.0\.0\.1\[127\.0\.0\.1\]\)")
    malote.wait_mail("ana")


# ---- Debian's Postfix as the sender ----

@pytest.fixture
def from_postfix(instance, postfix):
    def make(ours=None, **theirs):
        if ours:
            instance.set(**ours)
        instance.user("ana")
        instance.start()
        return instance, postfix(relayhost="[127.0.0.1]:%d" % instance.ports["smtp"], **theirs)
    return make


@pytest.mark.parametrize("level", ["none", "may", "encrypt"])
def test_a_message_from_postfix(from_postfix, level):
    malote, peer = from_postfix(smtp_tls_security_level=level)
    send(peer.port, ["ana@example.test"], b"Subject: x\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n.dot\r\n"
         + EIGHT_BIT + b"\r\n", options=["BODY=8BITMIME"])
    message = malote.wait_mail("ana")[0]
    assert body_of(message) == b".dot\r\n" + EIGHT_BIT + b"\r\n"
    assert (b"with ESMTPS id" if level != "none" else b"with ESMTP id") in message
    harness.wait_until("Postfix to know it", lambda: "status=sent (250 2.0.0 Ok: queued as " in peer.log())
    assert "warning" not in "".join(line for line in peer.log().splitlines() if "postfix/smtp[" in line)


def test_a_mebibyte_and_fifty_recipients_from_postfix(from_postfix, instance):
    names = ["u%d" % i for i in range(50)]
    boxes = instance.table("fifty", "".join("%s@example.test %s/\n" % (n, n) for n in names))
    malote, peer = from_postfix({"virtual_mailbox_maps": boxes})
    send(peer.port, ["%s@example.test" % n for n in names], b"Subject: big\r\n\r\n" + BIG)
    for name in names:
        assert body_of(malote.wait_mail(name, timeout=60)[0]) == BIG
    ids = {malote.mailbox(n)[0].split(b"with ESMTP id ")[1].split(b"\n")[0] for n in names}
    assert len(ids) == 1


def test_what_malote_refuses_postfix_bounces(from_postfix):
    malote, peer = from_postfix()
    send(peer.port, ["ana@example.test", "nosuch@example.test"], "Subject: x\r\n\r\nx\r\n", sender="rui@postfix.test")
    malote.wait_mail("ana")
    (bounce,) = peer.mail(1)
    assert b"550 5.1.1 <nosuch@example.test>: Recipient address rejected" in bounce.replace(b"\n    ", b" ")
    assert b"Status: 5.1.1" in bounce


def test_many_messages_from_postfix_use_one_connection(from_postfix):
    malote, peer = from_postfix(smtp_destination_concurrency_limit="1", smtp_connection_cache_on_demand="yes")
    with smtplib.SMTP("127.0.0.1", peer.port, timeout=30) as client:
        for i in range(30):
            client.sendmail("eva@far.test", ["ana@example.test"], "Subject: m%d\r\n\r\nx\r\n" % i)
    assert len(malote.wait_mail("ana", 30, timeout=60)) == 30


def test_fetchmail_carries_mail_from_malote_to_postfix(instance, postfix, folder):
    instance.user("ana")
    instance.start()
    peer = postfix()
    text = b"Subject: x\r\n\r\n.dot\r\n" + EIGHT_BIT + b"\r\n"
    send(instance.ports["smtp"], ["ana@example.test"], text)
    instance.wait_mail("ana")
    rc = folder / "fetchmailrc"
    rc.write_text("poll 127.0.0.1 service %d protocol pop3 auth password no dns\n"
                  "user ana password secret smtphost 127.0.0.1/%d smtpname rui@postfix.test sslproto ''\n"
                  % (instance.ports["pop3"], peer.port))
    rc.chmod(0o600)
    done = subprocess.run(["fetchmail", "-f", str(rc), "--nosyslog", "-v", "--pidfile", str(folder / "pid"), "-i",
                           str(folder / "ids")], capture_output=True, text=True, timeout=60,
                          env=dict(os.environ, HOME=str(folder), LC_ALL="C"))
    assert done.returncode == 0, done.stdout + done.stderr
    assert body_of(peer.mail(1)[0]) == b".dot\r\n" + EIGHT_BIT + b"\r\n"
    harness.wait_until("the mailbox to be empty", lambda: instance.mailbox("ana") == [])


# ---- Dovecot ----

class Dovecot:
    """Dovecot's LMTP and auth service with a configuration of its own.  Users: joe (password
    "pass word"), full (over quota)."""

    def __init__(self, folder, lmtp_socket, auth_socket, quota_tempfail=False):
        self.folder = pathlib.Path(folder)
        self.folder.mkdir()
        self.folder.chmod(0o755)
        self.port = harness.free_port()
        uid, gid = harness.another_user() if harness.IS_ROOT else (os.getuid(), os.getgid())
        (self.folder / "boxes").mkdir()
        os.chown(self.folder / "boxes", uid, gid)
        (self.folder / "users").write_text(
            "joe:{PLAIN}pass word::::::\nfull:{PLAIN}x::::::userdb_quota_rule=*:bytes=10\n")
        text = """protocols = lmtp
base_dir = {f}/run
state_dir = {f}/state
log_path = {f}/log
instance_name = malote-test
ssl = no
disable_plaintext_auth = no
auth_mechanisms = plain login
auth_username_format = %Ln
auth_failure_delay = 0
mail_location = maildir:{f}/boxes/%n
mail_plugins = quota
first_valid_uid = 1
postmaster_address = postmaster@dovecot.test
hostname = dovecot.test
plugin {{
  quota = maildir:User quota
  quota_rule = *:storage=100M
}}
quota_full_tempfail = {tempfail}
passdb {{
  driver = passwd-file
  args = {f}/users
}}
userdb {{
  driver = passwd-file
  args = {f}/users
  default_fields = uid={uid} gid={gid} home={f}/boxes/%n
}}
service lmtp {{
  unix_listener {lmtp} {{
    mode = 0666
  }}
  inet_listener lmtp {{
    address = 127.0.0.1
    port = {port}
  }}
}}
service anvil {{
  unix_listener anvil-auth-penalty {{
    mode = 0
  }}
}}
service auth {{
  unix_listener {auth} {{
    mode = 0666
  }}
}}
""".format(f=self.folder, tempfail="yes" if quota_tempfail else "no", uid=uid, gid=gid, lmtp=lmtp_socket,
           auth=auth_socket, port=self.port)
        if not harness.IS_ROOT:
            me, group = pwd.getpwuid(uid).pw_name, grp.getgrgid(gid).gr_name
            text += "default_internal_user = %s\ndefault_internal_group = %s\ndefault_login_user = %s\n" % (
                me, group, me) + "".join("service %s {\n  chroot =\n}\n" % name for name in ("anvil", "stats"))
        (self.folder / "dovecot.conf").write_text(text)
        self.auth_socket = pathlib.Path(auth_socket)
        self.server = harness.Server(["/usr/sbin/dovecot", "-F", "-c", str(self.folder / "dovecot.conf")],
                                     lambda: harness.listening(self.port) and self.auth_socket.exists(),
                                     log=self.folder / "out")

    def log(self):
        return (self.folder / "log").read_text(errors="replace") if (self.folder / "log").exists() else ""

    def mail(self, name, count=1, timeout=20):
        def files():
            return list((self.folder / "boxes" / name / "new").glob("*"))
        try:
            harness.wait_until("mail for %s at Dovecot" % name, lambda: len(files()) >= count, timeout)
        except harness.Trouble as trouble:
            raise harness.Trouble("%s; its log:\n%s" % (trouble, self.log()[-3000:])) from None
        return [p.read_bytes() for p in files()]

    def close(self):
        """Its processes outlive the master while they have clients: end them too."""
        parent = self.server.process.pid
        children = pathlib.Path("/proc/%d/task/%d/children" % (parent, parent)).read_text().split() \
            if self.server.process.poll() is None else []
        self.server.process.terminate()
        time.sleep(0.5)
        for child in map(int, children):
            try:
                os.kill(child, signal.SIGKILL)
            except ProcessLookupError:
                pass
        self.server.close()
        self.auth_socket.unlink(missing_ok=True)


@pytest.fixture
def dovecot(instance, folder, closing):
    def make(**kw):
        private = instance.spool / "private"
        return closing(Dovecot(folder / "dovecot", private / "dovecot-lmtp", private / "dovecot-auth", **kw))
    return make


@pytest.fixture
def to_dovecot(instance, dovecot):
    def make(over="unix", **kw):
        peer = dovecot(**kw)
        target = "unix:private/dovecot-lmtp" if over == "unix" else "inet:127.0.0.1:%d" % peer.port
        instance.set(transport_maps="inline:{ { dovecot.test = lmtp:%s } }" % target, minimal_backoff_time="1s",
                     maximal_backoff_time="2s", queue_run_delay="1s")
        instance.user("ana")
        instance.start()
        return instance, peer
    return make


@pytest.mark.parametrize("over", ["unix", "inet"])
def test_lmtp_to_dovecot(to_dovecot, over):
    malote, peer = to_dovecot(over)
    send(malote.ports["smtp"], ["joe@dovecot.test", "nosuch@dovecot.test"], b"Subject: x\r\n\r\n.dot\r\n"
         + EIGHT_BIT + b"\r\n", sender="ana@example.test")
    (message,) = peer.mail("joe")
    assert body_of(message).endswith(b".dot\r\n" + EIGHT_BIT + b"\r\n")
    assert b"Return-Path: <ana@example.test>" in message
    where = r"\S+\[private/dovecot-lmtp\]" if over == "unix" else r"127\.0\.0\.1\[127\.0\.0\.1\]:%d" % peer.port
    malote.wait_log(r"postfix/lmtp\[\d+\]: \w+: to=<joe@dovecot\.test>, relay=%s, .*dsn=2\.0\.0, status=sent "
                    r"\(250 2\.0\.0 <joe@dovecot\.test> \S+ Saved\)" % where)
    malote.wait_log(r"to=<nosuch@dovecot\.test>, relay=%s, .*dsn=5\.1\.1, status=bounced \(host .* said: 550 5\.1\.1 "
                    r"<nosuch@dovecot\.test> User doesn't exist: \S+ \(in reply to RCPT TO command\)\)" % where)
    bounce = malote.wait_mail("ana")[0].decode()
    assert "Status: 5.1.1" in bounce and "joe@dovecot.test" not in bounce.split("Received:")[0]


def test_a_full_mailbox_at_dovecot_bounces(to_dovecot):
    malote, _ = to_dovecot()
    send(malote.ports["smtp"], ["full@dovecot.test", "joe@dovecot.test"], "Subject: x\r\n\r\nx\r\n",
         sender="ana@example.test")
    malote.wait_log(r"to=<joe@dovecot\.test>, .*status=sent")
    malote.wait_log(r"to=<full@dovecot\.test>, .*dsn=5\.2\.2, status=bounced")
    malote.wait_mail("ana")


def test_a_full_mailbox_at_dovecot_that_asks_to_wait(to_dovecot):
    malote, _ = to_dovecot(quota_tempfail=True)
    send(malote.ports["smtp"], ["full@dovecot.test", "joe@dovecot.test"], "Subject: x\r\n\r\nx\r\n",
         sender="ana@example.test")
    malote.wait_log(r"to=<joe@dovecot\.test>, .*status=sent")
    malote.wait_log(r"to=<full@dovecot\.test>, .*dsn=4\.2\.2, status=deferred")
    (waiting,) = malote.queue()
    assert [r["address"] for r in waiting["recipients"]] == ["full@dovecot.test"]
    assert malote.mailbox("ana") == []


def test_dovecot_is_away_for_a_while(to_dovecot, dovecot, folder):
    malote, peer = to_dovecot()
    peer.close()
    send(malote.ports["smtp"], ["joe@dovecot.test"], "Subject: x\r\n\r\nx\r\n")
    malote.wait_log(r"to=<joe@dovecot\.test>, relay=none, .*dsn=4\.\d\.\d, status=deferred \(connect to "
                    r"\S+\[private/dovecot-lmtp\]: (Connection refused|No such file or directory)\)")
    (folder / "dovecot").rename(folder / "dovecot.before")
    peer = dovecot()
    malote.run("postqueue", "-c", malote.dir, "-f")
    peer.mail("joe")


# ---- Dovecot's auth socket ----

def plain(user, password):
    return "AUTH PLAIN " + base64.b64encode(("\0%s\0%s" % (user, password)).encode()).decode()


def login(client, user, password):
    code, text = client.docmd("AUTH LOGIN")
    for word in (user, password):
        if code != 334:
            break
        code, text = client.docmd(base64.b64encode(word.encode()).decode())
    return code, text


def test_passwords_are_checked_by_dovecot(instance, dovecot):
    peer = dovecot()
    instance.set(smtpd_sasl_path="private/dovecot-auth", smtpd_error_sleep_time="0")
    instance.start()
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE

    def session():
        client = smtplib.SMTP("127.0.0.1", instance.ports["submission"], timeout=30)
        client.ehlo("client.far.test")
        client.starttls(context=context)
        client.ehlo("client.far.test")
        return client

    with session() as client:
        assert sorted(client.esmtp_features["auth"].split()) == ["LOGIN", "PLAIN"]
        assert client.docmd(plain("joe", "pass word"))[0] == 235
        assert client.docmd("MAIL FROM:<joe@example.test>")[0] == 250
    with session() as client:
        assert login(client, "joe", "pass word")[0] == 235
    with session() as client:
        assert client.docmd(plain("joe", "wrong"))[0] == 535
        assert client.docmd(plain("nosuch", "pass word"))[0] == 535
        assert login(client, "joe", "wrong")[0] == 535
        assert client.docmd("AUTH PLAIN !!!")[0] in (501, 535)
        assert client.docmd("MAIL FROM:<joe@example.test>")[0] == 250
        assert client.docmd("RCPT TO:<x@elsewhere.test>")[0] == 554
        client.docmd("RSET")
        assert client.docmd(plain("joe", "pass word"))[0] == 235
    with session() as client:
        peer.close()
        code, text = client.docmd(plain("joe", "pass word"))
        assert (code, text[:5]) == (454, b"4.7.0"), (code, text)
    with session() as client:
        # None is offered now; whoever asks all the same is not told "wrong".
        code, text = client.docmd(plain("joe", "pass word"))
        assert (code, text[:5]) == (454, b"4.7.0"), (code, text)
