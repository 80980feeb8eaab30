"""Mail comes in: SMTP, submission, the sendmail command; and is delivered."""
import smtplib
import ssl
import subprocess

import pytest

import harness

MESSAGE = "From: eva@far.test\r\nTo: ana@example.test\r\nSubject: hello\r\n\r\nThe body.\r\n"


def tls():
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def swaks(instance, *args, port="smtp", check=True):
    done = subprocess.run(["swaks", "--server", "127.0.0.1:%d" % instance.ports[port], "--helo", "client.far.test",
                           "--timeout", "20", *args], capture_output=True, encoding="latin-1", timeout=60)
    if check and done.returncode != 0:
        raise harness.Trouble("swaks: exit %d\n%s%s\n%s" % (
            done.returncode, done.stdout, done.stderr, instance.log()[-3000:]))
    return done


def test_swaks_to_a_mailbox_user(any_instance):
    any_instance.user("ana")
    any_instance.start()
    swaks(any_instance, "--from", "eva@far.test", "--to", "ana@example.test", "--header", "Subject: from swaks")
    message = any_instance.wait_mail("ana")[0]
    assert b"Subject: from swaks\n" in message
    assert message.startswith(b"Return-Path: <eva@far.test>\n")
    assert b"Delivered-To: ana@example.test\n" in message
    assert b"Received: from client.far.test (" in message
    assert b"\r" not in message
    any_instance.wait_log(r"qmgr\[\d+\]: \w+: removed")
    assert any_instance.queue() == []


def test_the_log_of_one_message(instance):
    instance.user("ana")
    instance.start()
    with smtplib.SMTP("127.0.0.1", instance.ports["smtp"], timeout=20) as client:
        client.sendmail("eva@far.test", ["ana@example.test"], MESSAGE)
    instance.wait_log(r": removed")
    queue_id = instance.wait_log(r"postfix/smtpd\[\d+\]: (\w+): client=\S+\[127\.0\.0\.1\]$").group(1)
    for line in (r"postfix/smtpd\[\d+\]: connect from \S+\[127\.0\.0\.1\]",
                 r"postfix/cleanup\[\d+\]: %s: message-id=<.+>" % queue_id,
                 r"postfix/qmgr\[\d+\]: %s: from=<eva@far\.test>, size=\d+, nrcpt=1 \(queue active\)" % queue_id,
                 r"postfix/virtual\[\d+\]: %s: to=<ana@example\.test>, relay=virtual, delay=[\d.]+, "
                 r"delays=[\d.]+/[\d.]+/[\d.]+/[\d.]+, dsn=2\.0\.0, status=sent \(delivered to maildir\)" % queue_id,
                 r"postfix/qmgr\[\d+\]: %s: removed" % queue_id,
                 r"postfix/smtpd\[\d+\]: disconnect from \S+\[127\.0\.0\.1\] ehlo=1 mail=1 rcpt=1 data=1 quit=1 commands=5"):
        instance.wait_log(line)


def test_unknown_user_and_relaying_are_refused(instance):
    instance.user("ana")
    instance.set(mynetworks="192.0.2.0/24", smtpd_relay_restrictions="permit_mynetworks, reject_unauth_destination")
    instance.start()
    replies = harness.dialogue(instance.ports["smtp"], [
        "EHLO client.far.test", "MAIL FROM:<eva@far.test>", "RCPT TO:<nosuch@example.test>",
        "RCPT TO:<rui@elsewhere.test>", "RCPT TO:<nosuch@mail.example.test>", "RCPT TO:<ana@example.test>", "QUIT"])
    assert replies[3] == ("550 5.1.1 <nosuch@example.test>: Recipient address rejected: "
                          "User unknown in virtual mailbox table")
    assert replies[4] == "554 5.7.1 <rui@elsewhere.test>: Relay access denied"
    assert replies[5] == ("550 5.1.1 <nosuch@mail.example.test>: Recipient address rejected: "
                          "User unknown in local recipient table")
    assert replies[6] == "250 2.1.5 Ok"
    instance.wait_log(r"NOQUEUE: reject: RCPT from \S+\[127\.0\.0\.1\]: 554 5\.7\.1 <rui@elsewhere\.test>: Relay access "
                      r"denied; from=<eva@far\.test> to=<rui@elsewhere\.test> proto=ESMTP helo=<client\.far\.test>")


def test_an_alias_with_three_members(instance):
    for name in ("ana", "rui", "eva"):
        instance.user(name)
    instance.aliases("postmaster: ana@example.test\n"
                     "team: ana@example.test, rui@example.test,\n eva@example.test\n")
    instance.start()
    swaks(instance, "--from", "x@far.test", "--to", "team@mail.example.test")
    for name in ("ana", "rui", "eva"):
        assert b"Delivered-To: %s@example.test\n" % name.encode() in instance.wait_mail(name)[0]
    instance.wait_log(r": removed")
    assert instance.queue() == []


def test_a_virtual_alias_with_extension_and_several_targets(instance):
    for name in ("ana", "rui"):
        instance.user(name)
    maps = instance.table("more", "both@example.test ana@example.test, rui@example.test\n"
                                  "info@example.test ana@example.test\n")
    instance.set(virtual_alias_maps=maps)
    instance.start()
    swaks(instance, "--from", "x@far.test", "--to", "both@example.test,info+x@example.test")
    assert len(instance.wait_mail("ana", 2)) == 2
    assert len(instance.wait_mail("rui", 1)) == 1
    instance.wait_log(r"to=<ana\+x@example\.test>, orig_to=<info\+x@example\.test>")


def test_the_sendmail_command(any_instance):
    any_instance.user("ana")
    any_instance.start()
    done = any_instance.run("sendmail", "-t", "-i", "-f", "rui@far.test", "-F", "Rui da Silva",
                            input="To: Ana <ana@example.test>\nBcc: hidden@example.test, ana@example.test\n"
                                  "Subject: by hand\n\nline\n.\nlast\n", check=False)
    assert done.returncode == 0, done.stderr
    message = any_instance.wait_mail("ana")[0]
    assert b"hidden" not in message.split(b"\n\n")[0]
    assert b"Bcc" not in message
    assert message.endswith(b"line\n.\nlast\n")
    assert b"From: Rui da Silva <rui@far.test>\n" in message
    assert b"Message-Id: <" in message and b"Date: " in message
    assert b"Received: by mail.example.test (Postfix, from userid " in message


def test_sendmail_exit_codes(instance):
    instance.user("ana")
    for args, text, status in (
            ([], "x\n", 64),                                     # no recipient
            (["-t"], "Subject: x\n\nno recipients\n", 64),
            (["-bz"], "", 64),
            (["-bd"], "", 64),
            (["-q1h"], "", 0),
            (["ana@example.test"], "Subject: stopped\n\nqueued while the system is stopped\n", 0)):
        done = instance.run("sendmail", *args, input=text, check=False)
        assert done.returncode == status, (args, done.stdout, done.stderr)
    assert "malote start" in instance.run("sendmail", "-bd", check=False).stderr
    instance.start()
    assert b"queued while the system is stopped\n" in instance.wait_mail("ana")[0]


def test_crlf_and_dots_from_sendmail(instance):
    instance.user("ana")
    instance.start()
    instance.run("sendmail", "ana@example.test", input="Subject: crlf\r\n\r\n..two dots\r\nend\r\n.\r\nnot this\r\n")
    message = instance.wait_mail("ana")[0]
    assert message.endswith(b"\n\n..two dots\nend\n")


@pytest.mark.parametrize("port, wrap", [("submission", False), ("submissions", True)])
def test_submission_with_a_password(instance, port, wrap):
    instance.user("ana", "the password")
    instance.user("rui")
    instance.start()
    if wrap:
        client = smtplib.SMTP_SSL("127.0.0.1", instance.ports[port], timeout=20, context=tls())
    else:
        client = smtplib.SMTP("127.0.0.1", instance.ports[port], timeout=20)
        client.ehlo("client.example.test")
        assert not client.has_extn("auth")
        assert client.docmd("MAIL FROM:<ana@example.test>")[0] == 530
        client.starttls(context=tls())
    with client:
        client.ehlo("client.example.test")
        assert client.esmtp_features["auth"].split() == ["PLAIN", "LOGIN"]
        assert not client.has_extn("starttls")
        with pytest.raises(smtplib.SMTPAuthenticationError) as wrong:
            client.login("ana", "wrong")
        assert wrong.value.smtp_code == 535
        client.login("ana", "the password")
        client.sendmail("ana@example.test", ["rui@example.test"], MESSAGE)
    message = instance.wait_mail("rui")[0]
    assert b"with ESMTPSA id" in message
    instance.wait_log(r"warning: \S+\[127\.0\.0\.1\]: SASL (PLAIN|LOGIN) authentication failed")
    instance.wait_log(r": client=\S+\[127\.0\.0\.1\], sasl_method=(PLAIN|LOGIN), sasl_username=ana")


@pytest.mark.parametrize("args, port", [
    (["--ssl-reqd"], "smtp"), ([], "smtp"), (["-u", "ana:secret", "--ssl-reqd"], "submission"),
    (["-u", "ana:secret"], "submissions")])
def test_curl(instance, folder, args, port):
    instance.user("ana")
    instance.start()
    (folder / "message").write_bytes(MESSAGE.encode())
    scheme = "smtps" if port == "submissions" else "smtp"
    done = subprocess.run(["curl", "-sS", "-k", *args, "--max-time", "30", "--mail-from", "eva@far.test", "--mail-rcpt",
                           "ana@example.test", "-T", str(folder / "message"),
                           "%s://127.0.0.1:%d" % (scheme, instance.ports[port])], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr + instance.log()[-2000:]
    assert b"The body.\n" in instance.wait_mail("ana")[0]


def test_msmtp(instance, folder):
    instance.user("ana")
    instance.user("rui")
    instance.start()
    config = folder / "msmtprc"
    config.write_text("account a\nhost 127.0.0.1\nport %d\nfrom ana@example.test\nauth plain\nuser ana\n"
                      "password secret\ntls on\ntls_starttls on\ntls_certcheck off\n"
                      "account default : a\n" % instance.ports["submission"])
    config.chmod(0o600)
    done = subprocess.run(["msmtp", "-C", str(config), "rui@example.test"], input=MESSAGE, text=True, capture_output=True)
    assert done.returncode == 0, done.stderr
    instance.wait_mail("rui")


def test_git_send_email(instance, folder):
    instance.user("ana")
    instance.start()
    patch = folder / "0001-x.patch"
    patch.write_text("From 0123456789012345678901234567890123456789 Mon Sep 17 00:00:00 2001\n"
                     "From: Eva <eva@far.test>\nDate: Sat, 21 Nov 2026 10:00:00 +0000\nSubject: [PATCH] x\n\n"
                     "why\n---\n a | 1 +\n 1 file changed\n\n-- \n2.39\n")
    done = subprocess.run(["git", "-c", "user.name=Eva", "-c", "user.email=eva@far.test", "send-email", "--smtp-server=127.0.0.1",
                           "--smtp-server-port=%d" % instance.ports["smtp"], "--from=eva@far.test", "--to=ana@example.test",
                           "--confirm=never", "--suppress-cc=all", str(patch)],
                          capture_output=True, text=True, cwd=folder, env=dict(instance.env, HOME=str(folder)))
    assert done.returncode == 0, done.stdout + done.stderr
    assert b"Subject: [PATCH] x\n" in instance.wait_mail("ana")[0]


def test_one_message_whatever_the_line_ends_say(instance):
    """Smuggling: only CRLF.CRLF ends a message."""
    instance.user("ana")
    instance.start()
    for number, end in enumerate((b"\n.\n", b"\r\n.\n", b"\n.\r\n", b"\r.\r")):
        body = b"Subject: s%d\r\n\r\nfirst" % number + end + b"MAIL FROM:<evil@far.test>\r\nRCPT TO:<ana@example.test>\r\n" \
               b"DATA\r\nsecond"
        replies = harness.dialogue(instance.ports["smtp"], [
            "EHLO client.far.test", "MAIL FROM:<eva@far.test>", "RCPT TO:<ana@example.test>", "DATA",
            body + b"\r\n.\r\n", "QUIT"])
        assert replies[5].startswith("250 2.0.0 Ok: queued as "), replies
        assert replies[6].startswith("221"), replies
    assert len(instance.wait_mail("ana", 4)) == 4
    assert all(b"Return-Path: <eva@far.test>" in m for m in instance.mailbox("ana"))


def test_a_message_that_is_too_big(instance):
    instance.user("ana")
    instance.set(message_size_limit="20000", mailbox_size_limit="0", virtual_mailbox_limit="0")
    instance.start()
    replies = harness.dialogue(instance.ports["smtp"], [
        "EHLO client.far.test", "MAIL FROM:<eva@far.test> SIZE=20001", "MAIL FROM:<eva@far.test>",
        "RCPT TO:<ana@example.test>", "DATA", b"Subject: x\r\n\r\n" + b"x" * 70 * 400 + b"\r\n.\r\n", "NOOP"])
    assert "250-SIZE 20000" in replies[1]
    assert replies[2] == "552 5.3.4 Message size exceeds fixed limit"
    assert replies[6] == "552 5.3.4 Error: message file too big"
    assert replies[7] == "250 2.0.0 Ok"
    assert instance.queue() == []
