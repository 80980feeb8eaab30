"""Mail goes out: MX records from a real name server, next hops of all kinds."""
import re
import smtplib

import pytest

import harness



@pytest.fixture
def world(instance, closing, folder):
    """An instance that asks a name server of the test; hosts get sinks as they
    are named: world.host("127.0.0.11")."""
    port = harness.free_port()
    zones = {
        "remote.test": ["@ MX 10 mx1", "@ MX 20 mx2", "mx1 A 127.0.0.11", "mx2 A 127.0.0.12",
                        "plain A 127.0.0.13", "null MX 0 .", "dangling MX 10 nothere.remote.test.",
                        "loop MX 10 mx1", "loop MX 20 me", "loop MX 30 mx2", "me A 127.0.0.1",
                        "best MX 5 me", "best MX 10 mx1", "cname CNAME remote.test.", "mxtocname MX 10 alias",
                        "alias CNAME mx1", "equal MX 10 mx1", "equal MX 10 mx2",
                        "noaddress TXT nothing"],
    }
    server = closing(harness.NameServer(folder / "dns", zones))
    instance.user("ana")
    instance.set(resolver_servers=server.servers, smtp_tcp_port=str(port), minimal_backoff_time="1s",
                 maximal_backoff_time="2s", queue_run_delay="1s", smtp_connect_timeout="5s",
                 myhostname="me.remote.test", mydestination="localhost", virtual_mailbox_domains="example.test")
    instance.nameserver = server
    instance.mx_port = port
    instance.host = lambda address, **kw: closing(harness.Sink(host=address, port=port, **kw))
    return instance


def send(instance, *recipients, sender="ana@example.test", body="x", **kw):
    with smtplib.SMTP("127.0.0.1", instance.ports["smtp"], timeout=20) as client:
        client.sendmail(sender, list(recipients), "Subject: out\r\n\r\n%s\r\n" % body, **kw)


def test_the_best_mx_gets_it(world):
    first, second = world.host("127.0.0.11"), world.host("127.0.0.12")
    world.start()
    send(world, "rui@remote.test", body=".dot\r\n..two")
    sender, recipients, body = first.wait(1)[0]
    assert sender.startswith("MAIL FROM:<ana@example.test>")
    assert recipients == ["RCPT TO:<rui@remote.test>"]
    assert body.endswith(b"\r\n\r\n.dot\r\n..two\r\n")
    assert second.messages == []
    world.wait_log(r"postfix/smtp\[\d+\]: \w+: to=<rui@remote\.test>, relay=mx1\.remote\.test\[127\.0\.0\.11\]:%d, "
                   r"delay=[\d.]+, delays=\S+, dsn=2\.0\.0, status=sent \(250 2\.0\.0 Ok: queued as SINK1\)" % world.mx_port)
    world.wait_log(r": removed")


def test_the_next_mx_when_the_first_does_not_answer(world):
    second = world.host("127.0.0.12")
    world.start()
    send(world, "rui@remote.test")
    second.wait(1)
    world.wait_log(r"connect to mx1\.remote\.test\[127\.0\.0\.11\]:%d: Connection refused" % world.mx_port)


def test_the_next_mx_when_the_first_greets_with_5xx(world):
    world.host("127.0.0.11", rules={"CONNECT": "554 go away"})
    second = world.host("127.0.0.12")
    world.start()
    send(world, "rui@remote.test")
    second.wait(1)


@pytest.mark.parametrize("domain", ["plain.remote.test", "cname.remote.test", "mxtocname.remote.test"])
def test_address_fallback_and_cnames(world, domain):
    sinks = [world.host("127.0.0.11"), world.host("127.0.0.13")]
    world.start()
    send(world, "rui@" + domain)
    harness.wait_until("a sink to get it", lambda: any(s.messages for s in sinks))


@pytest.mark.parametrize("domain, dsn, text", [
    ("null.remote.test", "5.1.0", r"Domain null\.remote\.test does not accept mail \(nullMX\)"),
    ("nosuch.remote.test", "5.4.4", r"Host or domain name not found\. Name service error for name=nosuch\.remote\.test type=A: Host not found"),
    ("best.remote.test", "5.4.6", r"mail for best\.remote\.test loops back to myself"),
])
def test_domains_that_bounce(world, domain, dsn, text):
    world.start()
    send(world, "rui@" + domain)
    world.wait_log(r"to=<rui@%s>, relay=none, .*dsn=%s, status=bounced \(%s" % (re.escape(domain), re.escape(dsn), text))
    bounce = world.wait_mail("ana")[0].decode()
    assert "Final-Recipient: rfc822; rui@%s" % domain in bounce
    assert "Status: %s" % dsn in bounce


def test_own_host_in_the_list_cuts_it(world):
    first, last = world.host("127.0.0.11"), world.host("127.0.0.12")
    world.start()
    send(world, "rui@loop.remote.test")
    first.wait(1)
    assert last.messages == []


def test_a_name_server_that_is_away_defers(world):
    world.start()
    world.nameserver.close()
    send(world, "rui@remote.test")
    world.wait_log(r"to=<rui@remote\.test>, relay=none, .*dsn=4\.4\.3, status=deferred \(.*Name service error.*remote\.test", timeout=90)
    assert world.mailbox("ana") == []


def test_per_recipient_results(world):
    rules = {"RCPT": lambda line: {
        "bad@": "550 5.1.1 no such user here", "slow": "450 4.2.0 greylisted"}.get(line[9:13])}
    sink, _ = world.host("127.0.0.11", rules=rules), world.host("127.0.0.12", rules=rules)
    world.start()
    send(world, "good@remote.test", "bad@remote.test", "slow@remote.test")
    sink.wait(1)
    world.wait_log(r"to=<good@remote\.test>, .*status=sent")
    world.wait_log(r"to=<bad@remote\.test>, .*dsn=5\.1\.1, status=bounced \(host mx1\.remote\.test\[127\.0\.0\.11\] said: "
                   r"550 5\.1\.1 no such user here \(in reply to RCPT TO command\)\)")
    world.wait_log(r"to=<slow@remote\.test>, .*dsn=4\.2\.0, status=deferred \(host mx[12]\.remote\.test\[127\.0\.0\.1[12]\] said: "
                   r"450 4\.2\.0 greylisted \(in reply to RCPT TO command\)\)")
    bounce = world.wait_mail("ana")[0].decode()
    assert "Remote-MTA: dns; mx1.remote.test" in bounce
    assert "Diagnostic-Code: smtp; 550 5.1.1 no such user here" in bounce


def test_lost_connection_after_data_is_deferred_not_lost(world):
    world.host("127.0.0.11", rules={"DATA": "close"})
    world.host("127.0.0.12", rules={"DATA": "close"})
    world.start()
    send(world, "rui@remote.test")
    world.wait_log(r"to=<rui@remote\.test>, .*dsn=4\.4\.2, status=deferred \(lost connection with mx2\.remote\.test\[127\.0\.0\.12\] while sending DATA command\)")
    assert len(world.queue()) == 1


def test_relayhost_with_a_password(world, closing):
    seen = []

    def auth(line):
        seen.append(line)
        return "235 2.7.0 welcome"
    sink = closing(harness.Sink(rules={"AUTH": auth}, extensions=("PIPELINING", "AUTH PLAIN LOGIN")))
    world.set(relayhost="[127.0.0.1]:%d" % sink.port, smtp_sasl_auth_enable="yes", smtp_sasl_security_options="noanonymous",
              smtp_sasl_password_maps=world.table("sasl_passwd", "[127.0.0.1]:%d user:pass word\n" % sink.port))
    world.start()
    send(world, "rui@anywhere.test")
    sink.wait(1)
    import base64
    assert base64.b64decode(seen[0].split()[2]) == b"\0user\0pass word"


def test_connections_are_used_again(world):
    sink = world.host("127.0.0.11")
    world.set(smtp_destination_concurrency_limit="1", initial_destination_concurrency="1")
    world.start()
    for _ in range(10):
        send(world, "rui@remote.test")
    sink.wait(10)
    assert sink.connections < 10


def test_a_second_malote_over_tls(make_instance, world):
    far = make_instance("far", domain="far.test", hostname="mx.far.test")
    far.user("rui")
    far.start()
    world.set(transport_maps="inline:{ { far.test = smtp:[127.0.0.1]:%d } }" % far.ports["smtp"])
    world.start()
    send(world, "rui@far.test")
    message = far.wait_mail("rui")[0]
    assert b"with ESMTPS id" in message
    world.wait_log(r"(Untrusted|Anonymous|Trusted|Verified) TLS connection established to 127\.0\.0\.1\[127\.0\.0\.1\]:\d+: TLSv1\.3 with cipher") \
        if world.get("smtp_tls_loglevel") != "0" else None
    world.wait_log(r"to=<rui@far\.test>, relay=127\.0\.0\.1\[127\.0\.0\.1\]:%d, .*status=sent \(250 2\.0\.0 Ok: queued as \w+\)" % far.ports["smtp"])


def test_lmtp_over_a_unix_socket(world, closing):
    path = world.spool / "private" / "lmtp-sink"
    sink = closing(harness.Sink(lmtp=True, path=path, rules={"EOD": lambda line: "552 5.2.2 full" if "bad@" in line else None}))
    world.set(transport_maps="inline:{ { lmtp.test = lmtp:unix:private/lmtp-sink } }")
    world.start()
    send(world, "good@lmtp.test", "bad@lmtp.test")
    sink.wait(1)
    world.wait_log(r"postfix/lmtp\[\d+\]: \w+: to=<good@lmtp\.test>, relay=me\.remote\.test\[private/lmtp-sink\], .*status=sent")
    world.wait_log(r"to=<bad@lmtp\.test>, relay=me\.remote\.test\[private/lmtp-sink\], .*dsn=5\.2\.2, status=bounced")
