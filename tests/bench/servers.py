"""The two servers, started with one and the same configuration but for folders and ports."""
import ctypes
import grp
import os
import pwd
import resource
import shutil
import signal
import socket
import subprocess

import debian_postfix
import harness

SERVICES = """127.0.0.1:%(port)d inet n - n - 1200 smtpd
pickup unix n - n 60 1 pickup
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
tlsmgr unix - - n 1000? 1 tlsmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
proxymap unix - - n - - proxymap
smtp unix - - n - - smtp
relay unix - - n - - smtp
error unix - - n - - error
retry unix - - n - - error
discard unix - - n - - discard
local unix - n n - - local
virtual unix - n n - - virtual
anvil unix - - n - 1 anvil
scache unix - - n - 1 scache
postlog unix-dgram n - n - 1 postlogd
"""

# Limits that would stop a load test, and lookups that ask other machines, are off; the rest is as it
# comes.
SETTINGS = """compatibility_level = 3.6
myhostname = bench.test
mydestination =
local_recipient_maps =
alias_maps =
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
mynetworks = 127.0.0.0/8
append_dot_mydomain = no
smtpd_recipient_restrictions = permit_mynetworks, reject
smtpd_relay_restrictions =
smtpd_peername_lookup = no
smtpd_client_connection_count_limit = 0
smtpd_client_connection_rate_limit = 0
smtpd_client_message_rate_limit = 0
smtpd_client_recipient_rate_limit = 0
smtpd_client_new_tls_session_rate_limit = 0
smtpd_client_auth_rate_limit = 0
smtp_dns_support_level = disabled
smtp_host_lookup = native
smtp_tls_security_level = none
smtpd_tls_security_level = may
default_process_limit = 400
max_use = 10000
in_flow_delay = 0
qmgr_message_active_limit = 20000
qmgr_message_recipient_limit = 100000
initial_destination_concurrency = 20
default_destination_concurrency_limit = 20
message_size_limit = 100000000
mailbox_size_limit = 0
virtual_mailbox_limit = 0
relay_domains = discard.test relay.test
virtual_mailbox_domains = box.test
virtual_minimum_uid = 1
"""

USERS = 100
MAIL_OWNERS = ("postfix", "malote", "mail")
SETGID_GROUPS = ("postdrop", "nogroup", "list")


def first_known(lookup, names):
    for name in names:
        try:
            return lookup(name)
        except KeyError:
            pass
    raise harness.Trouble("the system has none of %s, and one is needed" % ", ".join(names))


def end_with_parent():
    """Called in a new process: it is killed when this program is."""
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG


def certificate(folder):
    """An ECDSA certificate, signed by nobody."""
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
                    "-days", "2", "-subj", "/CN=bench.test", "-keyout", folder / "key.pem", "-out",
                    folder / "cert.pem"], check=True, capture_output=True, timeout=60)


class Server:
    """One server: its folder, its port, its processes."""

    name = None

    def __init__(self, site):
        """`site` has: folder, sink_port, syslog (the file that syslog goes to, or None), group_of
        (makes a Group or a Tree for a name)."""
        self.site = site
        self.folder = site.folder / self.name
        self.port = harness.free_port()
        self.log = site.syslog or self.folder / "mail.log"
        self.process = self.group = None
        if harness.IS_ROOT:
            owner = first_known(pwd.getpwnam, MAIL_OWNERS)
            self.owner, self.setgid_group = owner, first_known(grp.getgrnam, SETGID_GROUPS).gr_name
            self.box_ids = harness.another_user()
        else:
            self.owner, self.setgid_group = pwd.getpwuid(os.geteuid()), grp.getgrgid(os.getegid()).gr_name
            self.box_ids = os.geteuid(), os.getegid()
        self._make_folders()
        self._configure()

    # ---- what differs ----

    def places(self):
        """Settings that are this server's own."""
        raise NotImplementedError

    def start_command(self):
        raise NotImplementedError

    def sendmail(self):
        raise NotImplementedError

    def environment(self):
        return {"MAIL_CONFIG": str(self.folder)}

    # ---- setting up ----

    def _make_folders(self):
        for name in ("spool", "data", "box"):
            (self.folder / name).mkdir(parents=True)
        self.folder.chmod(0o755)
        if harness.IS_ROOT:
            os.chown(self.folder / "data", self.owner.pw_uid, -1)
            os.chown(self.folder / "box", *self.box_ids)
        certificate(self.folder)

    def _configure(self):
        boxes = " ".join("{ user%d@box.test = user%d/ }" % (i, i) for i in range(USERS))
        settings = {
            "queue_directory": self.folder / "spool",
            "data_directory": self.folder / "data",
            "mail_owner": self.owner.pw_name,
            "setgid_group": self.setgid_group,
            "syslog_name": self.name,
            "smtpd_tls_eccert_file": self.folder / "cert.pem",
            "smtpd_tls_eckey_file": self.folder / "key.pem",
            "transport_maps": "inline:{ { discard.test = discard: } { relay.test = smtp:[127.0.0.1]:%d } }"
                              % self.site.sink_port,
            "virtual_mailbox_maps": "inline:{ %s }" % boxes,
            "virtual_mailbox_base": self.folder / "box",
            "virtual_uid_maps": "static:%d" % self.box_ids[0],
            "virtual_gid_maps": "static:%d" % self.box_ids[1],
        }
        if not self.site.syslog:
            settings.update(maillog_file=self.log, maillog_file_prefixes=self.folder)
        settings.update(self.places())
        (self.folder / "main.cf").write_text(SETTINGS + "".join("%s = %s\n" % s for s in settings.items()))
        (self.folder / "master.cf").write_text(SERVICES % {"port": self.port})

    # ---- life ----

    def start(self):
        self.group = self.site.group_of(self.name)

        def before():
            end_with_parent()
            most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
            resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
            self.group.enter()
        with open(self.folder / "words", "ab") as words:
            self.process = subprocess.Popen(
                self.start_command(), env=dict(os.environ, **self.environment()), stdin=subprocess.DEVNULL,
                stdout=words, stderr=subprocess.STDOUT, preexec_fn=before)
        self.group.started(self.process.pid)
        try:
            harness.wait_until("%s to answer" % self.name, lambda: self.process.poll() is not None or self.answers(), 30)
        except harness.Trouble as trouble:
            raise harness.Trouble("%s\n%s" % (trouble, self.last_words())) from None
        if self.process.poll() is not None:
            raise harness.Trouble("%s did not start:\n%s" % (self.name, self.last_words()))

    def answers(self):
        try:
            with socket.create_connection(("127.0.0.1", self.port), timeout=5) as s:
                return s.recv(100).startswith(b"220")
        except OSError:
            return False

    def stop(self):
        if self.process is None:
            return
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.group.close()
        self.process = None

    def last_words(self, lines=15):
        """The end of what it printed and logged, for somebody who looks for the reason."""
        said = []
        for path in (self.folder / "words", self.log):
            if path.exists():
                said += path.read_text(errors="replace").splitlines()[-lines:]
        return "\n".join("    " + line for line in said)

    # ---- mailboxes ----

    def mailboxes(self):
        return [path for i in range(USERS) for path in (self.folder / ("box/user%d/new" % i),)]

    def delivered(self):
        return sum(len(os.listdir(path)) for path in self.mailboxes() if path.exists())

    def clean(self):
        for path in self.mailboxes():
            if path.exists():
                for entry in os.scandir(path):
                    os.unlink(entry.path)


class Malote(Server):
    name = "malote"

    def places(self):
        return {"daemon_directory": harness.LIBEXEC, "command_directory": harness.SBIN}

    def start_command(self):
        return [harness.SBIN / "malote", "-c", self.folder, "start-fg"]

    def sendmail(self):
        return [harness.SBIN / "sendmail", "-C", self.folder]


class Postfix(Server):
    """Debian's, unpacked into a folder and not installed."""

    name = "postfix"

    def __init__(self, site):
        self.root = debian_postfix.root()
        if self.root is None:
            raise harness.Trouble("Debian's package postfix cannot be fetched (apt-get download postfix). Unpack it "
                                  "somewhere and name the folder in POSTFIX_ROOT, or measure malote alone with "
                                  "--against none")
        self.libraries = self.root / "usr/lib/postfix"
        super().__init__(site)

    def places(self):
        return {"daemon_directory": self.libraries / "sbin", "command_directory": self.root / "usr/sbin",
                "shlib_directory": "no", "meta_directory": self.root / "etc/postfix",
                "import_environment": "MAIL_CONFIG TZ LD_LIBRARY_PATH=%s" % self.libraries}

    def environment(self):
        return dict(super().environment(), LD_LIBRARY_PATH=str(self.libraries))

    def start_command(self):
        return [self.libraries / "sbin/master", "-c", self.folder, "-d"]

    def sendmail(self):
        return [self.root / "usr/sbin/sendmail", "-C", self.folder]

    def _make_folders(self):
        super()._make_folders()
        for name in ("active bounce corrupt defer deferred flush hold incoming maildrop pid private public saved "
                     "trace").split():
            path = self.folder / "spool" / name
            path.mkdir()
            if name != "pid":
                os.chown(path, self.owner.pw_uid, -1)


def remove(folder):
    shutil.rmtree(folder, ignore_errors=True)


SERVERS = {"malote": Malote, "postfix": Postfix}
