"""Mail between hosts: two malotes and a name server, each with a network of its own (namespaces on
one wire), on the real ports and by real addresses."""
import re
import smtplib

import pytest

import harness

pytestmark = pytest.mark.skipif(not harness.IS_ROOT, reason="making network namespaces takes root")


@pytest.fixture
def world(make_instance, folder, closing):
    """world(lines of the zone b.test): .a and .b, instances for a.test and b.test, started, each on
    its host; a third host, c, answers DNS.  Addresses: see harness.Network."""
    try:
        network = harness.Network("a", "b", "c")
    except harness.Trouble as trouble:
        pytest.skip("no network namespaces here: %s" % trouble)
    instances = []

    class World:
        def __init__(self):
            self.network = network
            self.a, self.b = (self.instance(host) for host in "ab")

        def instance(self, host):
            instance = make_instance(host, domain=host + ".test", hostname="mx." + host + ".test")
            path = instance.dir / "master.cf"
            path.write_text(path.read_text().replace("127.0.0.1:%d" % instance.ports["smtp"], "smtp", 1))
            instance.ports["smtp"] = 25
            instance.set(inet_interfaces="all", resolver_servers="10.77.0.3:53", minimal_backoff_time="300s", maximal_backoff_time="300s",
                         smtp_connect_timeout="2s")
            instance.user({"a": "ana", "b": "rui"}[host])
            instances.append((host, instance))
            return instance

        def start(self, *records):
            zones = {
                "a.test": ["@ MX 10 mx", "mx A 10.77.0.1", "mx AAAA fd77::1"],
                "b.test": list(records),
                "0.77.10.in-addr.arpa": ["1 PTR mx.a.test.", "2 PTR mx.b.test."],
            }
            with network.on("c"):
                closing(harness.NameServer(folder / "dns", zones, "10.77.0.3", 53))
            for host, instance in instances:
                with network.on(host):
                    instance.start()

        def send(self, host, sender, recipient):
            with network.on(host), smtplib.SMTP("127.0.0.1", 25, timeout=20) as client:
                client.sendmail(sender, [recipient], "Subject: x\r\n\r\nfrom %s\r\n" % host)
    yield World()
    for _, instance in instances:
        instance.stop()
    network.close()


def test_mail_there_and_back(world):
    world.start("@ MX 10 mx", "mx A 10.77.0.2")
    world.send("a", "ana@a.test", "rui@b.test")
    message = world.b.wait_mail("rui")[0].decode()
    assert re.search(r"(?m)^Received: from mx\.a\.test \(mx\.a\.test \[10\.77\.0\.1\]\)$", message), message
    world.a.wait_log(r"postfix/smtp\[\d+\]: \w+: to=<rui@b\.test>, relay=mx\.b\.test\[10\.77\.0\.2\]:25, .*dsn=2\.0\.0, "
                     r"status=sent \(250 2\.0\.0 Ok: queued as \w+\)")
    world.b.wait_log(r"connect from mx\.a\.test\[10\.77\.0\.1\]")
    world.send("b", "rui@b.test", "ana@a.test")
    world.a.wait_mail("ana")
    world.b.wait_log(r"relay=mx\.a\.test\[(10\.77\.0\.1|fd77::1)\]:25, .*status=sent")


def test_a_host_elsewhere_may_not_relay(world):
    world.start("@ MX 10 mx", "mx A 10.77.0.2")
    with world.network.on("a"):
        replies = harness.dialogue(25, ["EHLO mx.a.test", "MAIL FROM:<ana@a.test>", "RCPT TO:<x@elsewhere.test>",
                                        "RCPT TO:<nosuch@b.test>", "RCPT TO:<rui@b.test>", "QUIT"], host="10.77.0.2")
    assert replies[0] == "220 mx.b.test ESMTP Postfix"
    assert replies[3].startswith("454 4.7.1 <x@elsewhere.test>: Relay access denied")
    assert replies[4].startswith("550 5.1.1 <nosuch@b.test>: Recipient address rejected")
    assert replies[5].startswith("250")
    world.b.wait_log(r"NOQUEUE: reject: RCPT from mx\.a\.test\[10\.77\.0\.1\]: 454 4\.7\.1 <x@elsewhere\.test>")


def test_the_second_mx_when_nothing_answers_at_the_first(world):
    world.network.swallow("a", "10.77.0.9")
    world.start("@ MX 10 dead", "@ MX 20 mx", "dead A 10.77.0.9", "mx A 10.77.0.2")
    world.send("a", "ana@a.test", "rui@b.test")
    world.b.wait_mail("rui")
    world.a.wait_log(r"connect to dead\.b\.test\[10\.77\.0\.9\]:25: Connection timed out")
    world.a.wait_log(r"to=<rui@b\.test>, relay=mx\.b\.test\[10\.77\.0\.2\]:25, delay=[2-9].*status=sent")


def test_ipv6_alone(world):
    world.start("@ MX 10 mx", "mx AAAA fd77::2")
    world.send("a", "ana@a.test", "rui@b.test")
    message = world.b.wait_mail("rui")[0].decode()
    assert "[IPv6:fd77::1]" in message
    world.a.wait_log(r"to=<rui@b\.test>, relay=mx\.b\.test\[fd77::2\]:25, .*status=sent")
    world.b.wait_log(r"connect from \S+\[fd77::1\]")


@pytest.mark.parametrize("dead, alive", [("AAAA fd77::9", "A 10.77.0.2"), ("A 10.77.0.9", "AAAA fd77::2")])
def test_the_other_family_when_one_is_dead(world, dead, alive):
    world.network.swallow("a", dead.split()[1])
    world.start("@ MX 10 mx", "mx " + dead, "mx " + alive)
    world.send("a", "ana@a.test", "rui@b.test")
    world.b.wait_mail("rui")
    world.a.wait_log(r"relay=mx\.b\.test\[%s\]:25, .*status=sent" % re.escape(alive.split()[1]))


def test_a_cable_is_pulled_and_plugged_in_again(world):
    world.start("@ MX 10 mx", "mx A 10.77.0.2")
    world.network.plug("b", "down")
    world.send("a", "ana@a.test", "rui@b.test")
    reason = r"connect to mx\.b\.test\[10\.77\.0\.2\]:25: (Connection timed out|No route to host)"
    world.a.wait_log(r"to=<rui@b\.test>, relay=none, .*dsn=4\.4\.1, status=deferred \(%s\)" % reason)
    assert re.search(reason, world.a.run("mailq").stdout)
    assert world.b.mailbox("rui") == []
    world.network.plug("b", "up")
    with world.network.on("a"):
        harness.wait_until("the wire to carry again", lambda: harness.listening(25, "10.77.0.2"))
    world.a.run("postqueue", "-c", world.a.dir, "-f")
    world.b.wait_mail("rui")
    world.a.wait_log(r": removed")
    assert world.a.queue() == []


def test_the_name_server_comes_back(world):
    world.start("@ MX 10 mx", "mx A 10.77.0.2")
    world.network.plug("c", "down")
    world.send("a", "ana@a.test", "rui@b.test")
    world.a.wait_log(r"to=<rui@b\.test>, relay=none, .*dsn=4\.4\.3, status=deferred \(Host or domain name not found\. Name service error for "
                     r"name=b\.test type=MX: Host not found, try again\)", timeout=90)
    world.network.plug("c", "up")
    with world.network.on("a"):
        harness.wait_until("the wire to carry again", lambda: harness.listening(53, "10.77.0.3"))
    world.a.run("postqueue", "-c", world.a.dir, "-f")
    world.b.wait_mail("rui")
