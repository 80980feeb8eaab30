"""What is measured: one row of the table each."""
import dataclasses


@dataclasses.dataclass(frozen=True)
class Row:
    name: str
    says: str
    messages: int  # in the short form
    kind: str = "smtp"  # smtp, command, idle
    domain: str = "discard.test"
    clients: int = 20
    size: int = 4096
    per_session: int = 1
    recipients: int = 1
    users: int = 100
    pipeline: bool = False
    tls: bool = False

    def load_options(self, messages):
        options = ["--clients", min(self.clients, messages), "--messages", messages, "--size", self.size,
                   "--per-session", self.per_session, "--recipients", self.recipients, "--users", self.users,
                   "--domain", self.domain]
        return [str(o) for o in options] + ["--pipeline"] * self.pipeline + ["--tls"] * self.tls


ROWS = [
    Row("a20", "receive, discard: 20 clients, 4 KiB, a session each", 2000),
    Row("a20x100", "the same, 100 messages a session, pipelined", 4000, per_session=100, pipeline=True),
    Row("a1", "the same as a20, 1 client", 600, clients=1),
    Row("a200", "the same as a20, 200 clients", 2000, clients=200),
    Row("a64k", "the same as a20, 64 KiB", 1000, size=65536),
    Row("a1m", "the same as a20, 1 MiB", 200, size=1 << 20),
    Row("b1", "receive, Maildir: 20 clients, 1 mailbox", 1500, domain="box.test", users=1),
    Row("b100", "the same, 100 mailboxes", 1500, domain="box.test"),
    Row("c1", "receive, relay: 20 clients, 1 recipient", 1500, domain="relay.test"),
    Row("c50", "the same, 4 clients, 50 recipients", 100, domain="relay.test", clients=4, recipients=50),
    Row("d1", "sendmail command, 1 at a time, discard", 100, kind="command", clients=1),
    Row("d8", "the same, 8 at a time", 200, kind="command", clients=8),
    Row("e", "memory of 1000 idle sessions", 1000, kind="idle"),
    Row("g", "as a20, STARTTLS in each session", 1000, tls=True),
]


def chosen(names):
    """The rows of these names; a letter stands for all of its rows; no name, for all.  ValueError for
    a name that is none."""
    for name in names:
        if not any(name in (row.name, row.name[0]) for row in ROWS):
            raise ValueError("there is no row %s; the rows are %s" % (name, " ".join(r.name for r in ROWS)))
    return [row for row in ROWS if not names or row.name in names or row.name[0] in names]
