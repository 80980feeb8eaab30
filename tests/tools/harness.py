"""What the system, comparison and crash tests share: private instances of
malote, name servers, sinks.  Everything listens on loopback, on ports that
were free a moment ago, and lives in a folder of its own.

The build under test is named by MALOTE_BUILD (default: build/ in the tree).
"""
import contextlib
import json
import os
import pathlib
import pwd
import re
import shutil
import signal
import socket
import subprocess
import time

TOP = pathlib.Path(__file__).resolve().parent.parent.parent


def reachable_build(build):
    """The build, or, where only root may enter the folders above it, a copy of
    its programs that other users can run too."""
    import atexit
    import tempfile
    if os.geteuid() != 0 or all(p.stat().st_mode & 0o001 for p in [build, *build.parents] if p.exists()):
        return build
    copy = pathlib.Path(tempfile.mkdtemp(prefix="malote-build-"))
    atexit.register(shutil.rmtree, copy, ignore_errors=True)
    copy.chmod(0o755)
    for name in ("sbin", "libexec"):
        shutil.copytree(build / name, copy / name, symlinks=True)
    return copy


BUILT = pathlib.Path(os.environ.get("MALOTE_BUILD", TOP / "build")).resolve()
BUILD = reachable_build(BUILT)
SBIN = BUILD / "sbin"
LIBEXEC = BUILD / "libexec"
IS_ROOT = os.geteuid() == 0
SANITIZER_NAMES = ("ASAN_OPTIONS", "UBSAN_OPTIONS", "LSAN_OPTIONS")


def built_for_tests(name):
    """The path of something that is built for tests only."""
    build = pathlib.Path(os.environ.get("MALOTE_BUILD", TOP / "build")).resolve()
    if not (build / "tests" / name).exists():
        raise Trouble("%s is not built: ninja tests" % name)
    return str(build / "tests" / name)


class Trouble(Exception):
    """Something the test needed did not happen; the words say what."""


_handed_out = set()


def free_port():
    """A loopback port that nobody uses, neither TCP nor UDP, never given twice
    in a run."""
    while True:
        with socket.socket() as s, socket.socket(type=socket.SOCK_DGRAM) as d:
            s.bind(("127.0.0.1", 0))
            port = s.getsockname()[1]
            try:
                d.bind(("127.0.0.1", port))
            except OSError:
                continue
        if port not in _handed_out:
            _handed_out.add(port)
            return port


def wait_until(what, test, timeout=20.0, pause=0.05):
    """Call test() until it is true; its value.  `what` is for the failure."""
    deadline = time.monotonic() + timeout
    while True:
        value = test()
        if value:
            return value
        if time.monotonic() > deadline:
            raise Trouble("waited %gs for %s" % (timeout, what))
        time.sleep(pause)


def listening(port, host="127.0.0.1"):
    with socket.socket() as s:
        s.settimeout(1)
        return s.connect_ex((host, port)) == 0


def another_user():
    """(uid, gid) of a user without rights, for what must not run as root."""
    entry = pwd.getpwnam("nobody")
    return entry.pw_uid, entry.pw_gid


class Instance:
    """One malote, made by `malote init`."""

    def __init__(self, folder, domain="example.test", single_uid=False, hostname=None):
        self.folder = pathlib.Path(folder)
        self.domain = domain
        self.single_uid = single_uid
        self.dir = self.folder / "mail"
        self.ports = {name: free_port() for name in
                      ("smtp", "submission", "submissions", "pop3", "pop3s")}
        self.running = False
        self.folder.mkdir(parents=True, exist_ok=True)
        self.reports = self.folder / "sanitizer"
        self.reports.mkdir(exist_ok=True)
        self.reports.chmod(0o777)
        if single_uid and IS_ROOT:
            os.chown(self.folder, *another_user())
        self.env = dict(os.environ, MAIL_CONFIG=str(self.dir), LC_ALL="C", TZ="UTC")
        self.env["ASAN_OPTIONS"] = "detect_leaks=0:log_path=%s/asan" % self.reports
        self.env["UBSAN_OPTIONS"] = "print_stacktrace=1:log_path=%s/ubsan" % self.reports
        args = [arg for name, port in self.ports.items()
                for arg in ("--" + name, "127.0.0.1:%d" % port)]
        if hostname:
            args += ["--hostname", hostname]
        self.run("malote", "init", str(self.dir), "--domain", domain, *args)
        self.set(import_environment="MAIL_CONFIG TZ LANG LC_ALL " + " ".join(SANITIZER_NAMES))

    # ---- commands ----

    def command(self, name):
        path = SBIN / name
        return str(path if path.exists() else LIBEXEC / name)

    def as_user(self):
        """What subprocess needs to run as this instance's user."""
        if self.single_uid and IS_ROOT:
            uid, gid = another_user()
            return {"user": uid, "group": gid, "extra_groups": []}
        return {}

    def run(self, name, *args, input=None, check=True, timeout=60, env=None):
        """Run one of malote's commands; its CompletedProcess, text."""
        if isinstance(input, bytes):
            input = input.decode("latin-1")
        done = subprocess.run(
            [self.command(name), *map(str, args)], input=input if input is not None else "",
            capture_output=True, encoding="latin-1", timeout=timeout,
            env=dict(self.env, **(env or {})), **self.as_user())
        if check and done.returncode != 0:
            raise Trouble("%s %s: exit %d\n%s%s" % (
                name, " ".join(map(str, args)), done.returncode, done.stdout, done.stderr))
        return done

    def malote(self, *args, **kw):
        return self.run("malote", "-c", self.dir, *args, **kw)

    def start(self):
        self.malote("start")
        self.running = True
        wait_until("the SMTP port to answer", lambda: listening(self.ports["smtp"]))
        return self

    def stop(self):
        if self.running:
            self.running = False
            self.malote("stop", check=False)

    def kill(self):
        """Kill all its processes, master first: it starts nobody again."""
        def gone():
            left = self.processes()
            for pid in sorted(left, key=lambda pid: os.path.basename(left[pid].split(" ")[0]) != "master"):
                try:
                    os.kill(pid, signal.SIGKILL)
                except ProcessLookupError:
                    pass
            return not left
        wait_until("the end", gone)
        self.running = False

    def close(self):
        """Stop, and fail the test if a process died of a sanitizer report."""
        self.stop()
        reports = sorted(self.reports.iterdir())
        if reports:
            raise Trouble("sanitizer report:\n" + reports[0].read_text(errors="replace")[:6000])

    # ---- configuration ----

    def set(self, **values):
        """Set main.cf parameters."""
        self.run("postconf", "-c", self.dir, "-e",
                 *["%s=%s" % pair for pair in values.items()])

    def write(self, name, text, mode=0o644):
        path = self.dir / name
        path.write_text(text)
        path.chmod(mode)
        if self.single_uid and IS_ROOT:
            os.chown(path, *another_user())
        return path

    def table(self, name, text, kind="hash"):
        """Write a table's source, index it, and return type:path."""
        path = self.write(name, text)
        self.run("postmap", "-c", self.dir, "%s:%s" % (kind, path))
        return "%s:%s" % (kind, path)

    def aliases(self, text):
        self.write("aliases", text)
        self.run("newaliases")

    def master(self, line):
        """Add an entry to master.cf."""
        with open(self.dir / "master.cf", "a") as f:
            f.write(line.rstrip("\n") + "\n")

    def user(self, name, password="secret"):
        self.malote("user", "add", name, input=password + "\n")
        return name + "@" + self.domain

    def get(self, parameter):
        return self.run("postconf", "-c", self.dir, "-h", parameter).stdout.strip()

    def fill_queue(self, count, due_s, queue="deferred", sites=0, size=500):
        """Put that many messages to uN@old.test (or uN@sK.old.test) there, while nothing runs."""
        subprocess.run([str(BUILT / "tests" / "fill-queue"), str(self.spool), queue, str(count), str(due_s), str(sites), str(size)],
                       check=True, timeout=600, env=self.env)

    # ---- looking ----

    @property
    def spool(self):
        return pathlib.Path(self.get("queue_directory"))

    def log(self):
        try:
            return (self.dir / "log" / "mail.log").read_text(errors="replace")
        except FileNotFoundError:
            return ""

    def wait_log(self, pattern, timeout=20.0, count=1):
        """The first match of `pattern` in the log, once there are `count`."""
        expression = re.compile(pattern, re.M)

        def found():
            matches = list(expression.finditer(self.log()))
            return matches[count - 1] if len(matches) >= count else None
        try:
            return wait_until("/%s/ in the log" % pattern, found, timeout)
        except Trouble as trouble:
            raise Trouble("%s; its end:\n%s" % (trouble, self.log()[-4000:])) from None

    def queue(self):
        """What postqueue -j says: a list of messages."""
        out = self.run("postqueue", "-c", self.dir, "-j").stdout
        return [json.loads(line) for line in out.splitlines() if line.strip()]

    def wait_empty(self, timeout=30.0):
        return wait_until("the queue to be empty", lambda: not self.queue() or None, timeout, 0.1) \
            if self.queue() else True

    def mailbox(self, name):
        """The messages of a mailbox user, oldest first, as bytes."""
        base = self.dir / "mail" / name
        files = [p for sub in ("new", "cur") for p in (base / sub).glob("*") if p.is_file()]
        return [p.read_bytes() for p in sorted(files, key=lambda p: p.stat().st_mtime_ns)]

    def wait_mail(self, name, count=1, timeout=20.0):
        try:
            wait_until("%d message(s) for %s" % (count, name),
                       lambda: len(self.mailbox(name)) >= count, timeout)
        except Trouble as trouble:
            raise Trouble("%s (there are %d); the log ends:\n%s" % (
                trouble, len(self.mailbox(name)), self.log()[-4000:])) from None
        return self.mailbox(name)

    def processes(self):
        """{pid: command line} of this instance's processes."""
        found = {}
        for entry in pathlib.Path("/proc").iterdir():
            if not entry.name.isdigit():
                continue
            try:
                environ = (entry / "environ").read_bytes()
                line = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode("latin-1")
            except OSError:
                continue
            if b"MAIL_CONFIG=%s\0" % str(self.dir).encode() in environ + b"\0":
                found[int(entry.name)] = line.strip()
        return found


class Network:
    """Hosts of the test's own: network namespaces on one wire.

    Each name of `hosts` gets 10.77.0.N and fd77::N, N from 1 in their order.  What runs inside
    `with network.on(name):` (sockets, programs that are started) is on that host."""

    def __init__(self, *hosts):
        prefix = "malote-%d-" % os.getpid()
        self.names = {host: prefix + host for host in hosts}
        self.made = []
        try:
            for name in [prefix + "wire", *self.names.values()]:
                self._ip("netns", "add", name)
                self.made.append(name)
            self.wire = prefix + "wire"
            self._ip("-n", self.wire, "link", "add", "br0", "type", "bridge")
            self._ip("-n", self.wire, "link", "set", "br0", "up")
            for number, (host, name) in enumerate(self.names.items(), 1):
                self._ip("-n", self.wire, "link", "add", "to-" + host, "type", "veth", "peer", "eth0", "netns", name)
                self._ip("-n", self.wire, "link", "set", "to-" + host, "master", "br0", "up")
                self._ip("-n", name, "link", "set", "lo", "up")
                self._ip("-n", name, "link", "set", "eth0", "up")
                self._ip("-n", name, "address", "add", "10.77.0.%d/24" % number, "dev", "eth0")
                self._ip("-n", name, "address", "add", "fd77::%d/64" % number, "dev", "eth0", "nodad")
        except Trouble:
            self.close()
            raise

    @staticmethod
    def _ip(*args):
        done = subprocess.run(["ip", *args], capture_output=True, text=True, timeout=20)
        if done.returncode != 0:
            raise Trouble("ip %s: %s" % (" ".join(args), done.stderr.strip()))

    @contextlib.contextmanager
    def on(self, host):
        import ctypes
        libc = ctypes.CDLL(None, use_errno=True)

        def enter(f):
            if libc.setns(f.fileno(), 0x40000000) != 0:  # CLONE_NEWNET
                raise Trouble("setns: " + os.strerror(ctypes.get_errno()))
        with open("/proc/thread-self/ns/net") as before, open("/run/netns/" + self.names[host]) as there:
            enter(there)
            try:
                yield
            finally:
                enter(before)

    def plug(self, host, state):
        """Plug the host's cable in ("up") or pull it ("down")."""
        self._ip("-n", self.wire, "link", "set", "to-" + host, state)

    def swallow(self, host, address):
        """Let what `host` sends to this address, which nobody has, be lost without an answer."""
        self._ip("-n", self.names[host], "neigh", "replace", address, "lladdr", "02:00:00:00:00:09", "dev", "eth0",
                 "nud", "permanent")

    def close(self):
        for name in self.made:
            subprocess.run(["ip", "netns", "delete", name], capture_output=True, timeout=20)


def certificate(folder, name):
    """folder/cert.pem and folder/key.pem, signed by nobody."""
    subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=" + name,
                    "-keyout", str(folder / "key.pem"), "-out", str(folder / "cert.pem")],
                   check=True, capture_output=True, timeout=60)


def dialogue(port, lines, timeout=20, host="127.0.0.1"):
    """Send SMTP or POP3 lines one by one; the list of whole replies, the
    greeting first.  Multi-line SMTP replies come joined with newlines."""
    replies = []
    with socket.create_connection((host, port), timeout=timeout) as s:
        f = s.makefile("rb")

        def reply():
            parts = []
            while True:
                line = f.readline()
                if not line:
                    return "\n".join(parts) if parts else None
                text = line.decode("latin-1").rstrip("\r\n")
                parts.append(text)
                if not re.match(r"\d{3}-", text):
                    return "\n".join(parts)
        replies.append(reply())
        for line in lines:
            s.sendall(line if isinstance(line, bytes) else line.encode("latin-1") + b"\r\n")
            replies.append(reply())
    return replies


class Server:
    """Another program that a test needs: started in the foreground, ended by
    its own process id."""

    def __init__(self, argv, ready, cwd=None, env=None, log=None):
        self.log = open(log, "wb") if log else subprocess.DEVNULL
        self.process = subprocess.Popen(argv, cwd=cwd, env=env, stdin=subprocess.DEVNULL,
                                        stdout=self.log, stderr=subprocess.STDOUT)
        try:
            wait_until("%s to be ready" % argv[0],
                       lambda: self.process.poll() is not None or ready(), 20)
        except Trouble:
            self.close()
            raise
        if self.process.poll() is not None:
            raise Trouble("%s ended with %s" % (argv[0], self.process.returncode))

    def close(self):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(10)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        if self.log is not subprocess.DEVNULL:
            self.log.close()


def need(*programs):
    """The names of programs that are not installed."""
    return [p for p in programs if shutil.which(p) is None and
            not os.path.exists("/usr/sbin/" + p)]


class NameServer:
    """nsd with zone files, on a loopback port of its own unless told otherwise.

    `records` are lines of a zone file for `zone`, without its SOA."""

    def __init__(self, folder, zones, address="127.0.0.1", port=None):
        folder = pathlib.Path(folder)
        folder.mkdir(parents=True, exist_ok=True)
        self.port = port or free_port()
        text = ["server:", "  ip-address: %s" % address, "  port: %d" % self.port,
                '  username: ""', '  chroot: ""', '  zonesdir: "%s"' % folder,
                '  pidfile: "%s/nsd.pid"' % folder, '  database: ""',
                '  xfrdfile: "%s/xfrd.state"' % folder, '  zonelistfile: "%s/zone.list"' % folder,
                "  server-count: 1", "  hide-version: yes", "remote-control:",
                "  control-enable: no"]
        for zone, records in zones.items():
            (folder / (zone + ".zone")).write_text(
                "$ORIGIN %s.\n$TTL 60\n@ SOA ns.%s. root.%s. 1 60 60 60 1\n@ NS ns.%s.\n"
                "ns A 127.0.0.1\n%s\n" % (zone, zone, zone, zone, "\n".join(records)))
            text += ["zone:", '  name: "%s"' % zone, '  zonefile: "%s.zone"' % zone]
        (folder / "nsd.conf").write_text("\n".join(text) + "\n")
        self.server = Server(["/usr/sbin/nsd", "-d", "-c", str(folder / "nsd.conf")],
                             lambda: listening(self.port, address), log=folder / "nsd.log")
        self.servers = "%s:%d" % (address, self.port)

    def close(self):
        self.server.close()


class Sink:
    """An SMTP (or LMTP) server that keeps what it is sent.

    `rules` maps a command word (CONNECT EHLO MAIL RCPT DATA EOD) to a
    function of the line that returns a reply, or None for the usual one."""

    def __init__(self, rules=None, lmtp=False, path=None, extensions=("PIPELINING", "8BITMIME", "SIZE 50000000"),
                 host="127.0.0.1", port=None):
        import threading
        self.rules = rules or {}
        self.lmtp = lmtp
        self.extensions = extensions
        self.messages = []  # (sender, [recipients], bytes)
        self.commands = []
        self.connections = 0
        if path:
            self.socket = socket.socket(socket.AF_UNIX)
            self.socket.bind(str(path))
            os.chmod(path, 0o777)
            self.port = None
        else:
            self.socket = socket.socket()
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            self.port = port or free_port()
            self.socket.bind((host, self.port))
        self.socket.listen(100)
        self.open = True
        self.thread = threading.Thread(target=self._accept, daemon=True)
        self.thread.start()

    def _accept(self):
        import threading
        while self.open:
            try:
                s, _ = self.socket.accept()
            except OSError:
                return
            self.connections += 1
            threading.Thread(target=self._guard, args=(s,), daemon=True).start()

    def _guard(self, s):
        try:
            s.settimeout(60)
            self._serve(s)
        except OSError:
            pass
        finally:
            s.close()

    def _rule(self, word, line):
        rule = self.rules.get(word)
        return rule(line) if callable(rule) else rule

    def _serve(self, s):
        f = s.makefile("rb")

        def say(text):
            s.sendall(text.encode() + b"\r\n")
        greeting = self._rule("CONNECT", "")
        if greeting == "close":
            return
        say(greeting or "220 sink.example.test ESMTP")
        if greeting and greeting[0] in "45":
            return
        sender, recipients = None, []
        while True:
            line = f.readline()
            if not line:
                return
            text = line.decode("latin-1").rstrip("\r\n")
            self.commands.append(text)
            word = text.split(" ")[0].upper()
            answer = self._rule({"LHLO": "EHLO", "HELO": "EHLO"}.get(word, word), text)
            if answer == "close":
                return
            if answer:
                say(answer)
                if answer[0] in "45":
                    continue
            if word in ("EHLO", "LHLO"):
                answer or say("\r\n".join(["250-sink.example.test"] + [
                    "250%s%s" % ("-" if i + 1 < len(self.extensions) else " ", e)
                    for i, e in enumerate(self.extensions)]) if self.extensions
                    else "250 sink.example.test")
            elif word == "MAIL":
                sender, recipients = text, []
                answer or say("250 2.1.0 Ok")
            elif word == "RCPT":
                recipients.append(text)
                answer or say("250 2.1.5 Ok")
            elif word == "DATA":
                answer or say("354 go on")
                body = b""
                while True:
                    line = f.readline()
                    if not line:
                        return
                    if line == b".\r\n":
                        break
                    body += line[1:] if line.startswith(b".") else line
                self.messages.append((sender, recipients, body))
                for recipient in (recipients if self.lmtp else [text]):
                    say(self._rule("EOD", recipient) or "250 2.0.0 Ok: queued as SINK%d" % len(self.messages))
            elif word == "QUIT":
                say("221 2.0.0 Bye")
                return
            elif not answer:
                say("250 2.0.0 Ok")

    def wait(self, count=1, timeout=20):
        wait_until("%d message(s) at the sink" % count, lambda: len(self.messages) >= count, timeout)
        return self.messages

    def close(self):
        self.open = False
        try:
            self.socket.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        self.socket.close()
