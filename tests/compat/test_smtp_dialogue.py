"""SMTP dialogues with smtpd and with Debian's own Postfix, under the same configuration: the same
codes, statuses and words.

Each server of SERVICES runs on a port of its own in both; a dialogue names one of them and what is
sent.  A list element that is a tuple is sent in one write.  What Postfix offers and malote does
not yet (ETRN, SMTPUTF8, CHUNKING) is left out of EHLO before comparing, queue ids are masked."""
import base64
import os
import pathlib
import re
import shutil
import socket
import ssl
import subprocess
import tempfile
import threading

import pytest

import debian_postfix
import harness

THEIRS = debian_postfix.root()

pytestmark = [
    pytest.mark.skipif(THEIRS is None, reason="Debian's Postfix is not here"),
    pytest.mark.skipif(not harness.IS_ROOT, reason="Debian's Postfix starts as root only"),
]

MAIN_CF = """compatibility_level = 3.6
queue_directory = {folder}/spool
data_directory = {folder}/data
myhostname = mx.example.org
mydomain = example.org
myorigin = example.org
mydestination = example.org, localhost
mynetworks = 127.0.0.0/8
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
mail_name = Postfix
smtpd_banner = $myhostname ESMTP
maillog_file =
recipient_delimiter = +
alias_maps =
local_recipient_maps = inline:{{joe=x, jane=x, postmaster=x}}
virtual_alias_domains = virtual.example
virtual_alias_maps = inline:{{info@virtual.example=joe@example.org}}
virtual_mailbox_domains = boxes.example
virtual_mailbox_maps = inline:{{ann@boxes.example=ann}}
relay_domains = relayed.example
relay_recipient_maps = inline:{{bob@relayed.example=x}}
smtpd_error_sleep_time = 0
smtputf8_enable = no
smtpd_forbid_unauth_pipelining = yes
smtpd_forbid_bare_newline = yes
smtpd_forbid_bare_newline_exclusions =
smtpd_tls_cert_file = {folder}/cert.pem
smtpd_tls_key_file = {folder}/key.pem
smtpd_sasl_type = dovecot
smtpd_sasl_path = {folder}/auth
"""

# name: overrides
SERVICES = {
    "open": {},
    "strangers": {"mynetworks": "192.0.2.0/24"},
    "reject": {"mynetworks": "192.0.2.0/24",
               "smtpd_relay_restrictions": "permit_mynetworks,reject_unauth_destination"},
    "strict": {"smtpd_helo_required": "yes", "strict_rfc821_envelopes": "yes", "disable_vrfy_command": "yes",
               "message_size_limit": "1000", "smtpd_recipient_limit": "2", "smtpd_hard_error_limit": "3"},
    "names": {"smtpd_helo_restrictions": "reject_invalid_helo_hostname,reject_non_fqdn_helo_hostname",
              "smtpd_sender_restrictions": "reject_non_fqdn_sender",
              "smtpd_recipient_restrictions": "reject_non_fqdn_recipient"},
    "now": {"smtpd_delay_reject": "no",
            "smtpd_helo_restrictions": "reject_invalid_helo_hostname",
            "smtpd_sender_restrictions": "check_sender_access,inline:{bad@b.example=REJECT}"},
    "access": {"smtpd_client_restrictions": "check_client_access,inline:{10.0.0.1=REJECT}",
               "smtpd_sender_restrictions": "check_sender_access,texthash:FOLDER/senders",
               "smtpd_recipient_restrictions": "check_recipient_access,texthash:FOLDER/recipients",
               "smtpd_data_restrictions": "reject_multi_recipient_bounce"},
    "classes": {"smtpd_restriction_classes": "shut,slow,soft", "shut": "reject", "slow": "defer",
                "soft": "defer_if_reject,reject",
                "smtpd_recipient_restrictions": "texthash:FOLDER/classes"},
    "typo": {"smtpd_recipient_restrictions": "permit_mynetwork"},
    "refused": {"smtpd_delay_reject": "no", "smtpd_client_restrictions": "reject"},
    "end": {"smtpd_end_of_data_restrictions": "check_sender_access,inline:{a@b.example=REJECT}"},
    "soft": {"soft_bounce": "yes", "show_user_unknown_table_name": "no"},
    "listed": {"smtpd_reject_unlisted_sender": "yes"},
    "auth": {"smtpd_sasl_auth_enable": "yes", "mynetworks": "192.0.2.0/24"},
    "submission": {"smtpd_tls_security_level": "encrypt", "smtpd_sasl_auth_enable": "yes",
                   "smtpd_tls_auth_only": "yes", "mynetworks": "192.0.2.0/24",
                   "smtpd_client_restrictions": "permit_sasl_authenticated,reject",
                   "smtpd_relay_restrictions": "permit_sasl_authenticated,reject"},
    "tls": {"smtpd_tls_security_level": "may", "smtpd_sasl_auth_enable": "yes", "smtpd_tls_auth_only": "yes"},
    "discard": {"smtpd_discard_ehlo_keywords": "dsn,vrfy,pipelining"},
}

FILES = {
    "senders": "rej@s.example\tREJECT\ncode@s.example\t550 5.2.3 Not today\nsoft@s.example\t450\n"
               "close@s.example\t421 Closed\ntext@s.example\tREJECT go away\ndefer@s.example\tDEFER\n"
               "ok@s.example\tOK\nnum@s.example\t123\ndomain.example\tREJECT domain\n<>\tDUNNO\n"
               "odd@s.example\tREJECT 4.2.1 odd class\nstatus@s.example\tREJECT 5.1.1 sender context\n"
               "maybe@s.example\tDEFER_IF_PERMIT 4.3.9 later\nbase@e.example\tREJECT base\nuser@\tREJECT user\n"
               + "".join("s%d@s.example\tREJECT 5.1.%d words\n" % (i, i) for i in range(1, 10)),
    "recipients": "jane@example.org\t550 5.1.1 jane left\njoe+no@example.org\tREJECT\n"
                  + "".join("joe+%d@example.org\tREJECT 5.1.%d words\n" % (i, i) for i in range(1, 10)),
    "classes": "joe@example.org\tshut\njane@example.org\tslow\npostmaster@example.org\tsoft\n",
}

PLAIN_OK = base64.b64encode(b"\0joe\0secret").decode()
PLAIN_BAD = base64.b64encode(b"\0joe\0wrong").decode()
MAIL, JOE = "MAIL FROM:<a@b.example>", "RCPT TO:<joe@example.org>"


def message(*lines):
    return ("".join(line + "\r\n" for line in lines) + ".\r\n").encode()


def tried(sender, recipient="joe@example.org"):
    return ["MAIL FROM:<%s>" % sender, "RCPT TO:<%s>" % recipient, "RSET"]


DIALOGUES = {
    "ehlo": ("open", ["EHLO x.example", "QUIT"]),
    "helo": ("open", ["HELO x.example", "QUIT"]),
    "hello_without_name": ("open", ["HELO", "EHLO", "helo two words", "QUIT"]),
    "message": ("open", ["EHLO x.example", MAIL, JOE, "DATA", message("Subject: x", "", "text"), "QUIT"]),
    "null_sender": ("open", ["HELO x.example", "MAIL FROM:<>", JOE, "DATA", message("..", "x"), "QUIT"]),
    "order": ("open", [JOE, "DATA", "HELO x", MAIL, MAIL, "DATA", "RSET", "DATA", "QUIT"]),
    "syntax": ("open", ["EHLO x", "MAIL", "MAIL TO:<a@b.example>", "MAIL FROM:", "MAIL FROM:<@@>", MAIL, "RCPT",
                        "RCPT FROM:<joe@example.org>", "RCPT TO:<>", "RCPT TO:<@@>", JOE, "DATA x", "RSET x",
                        "QUIT"]),
    "loose_addresses": ("open", ["HELO x", "mail from: a@b.example", "rcpt to: <joe@example.org>",
                                 "RCPT TO:<@relay.example:jane@example.org>", "RCPT TO:<postmaster>",
                                 "RCPT TO:<\"jane\"@example.org>", "DATA", message("x"), "QUIT"]),
    "strict": ("strict", [MAIL, "HELO x", "MAIL FROM: a@b.example", MAIL, "VRFY joe", "QUIT"]),
    "size": ("strict", ["EHLO x", MAIL + " SIZE=1001", MAIL + " SIZE=1000", JOE, "QUIT"]),
    "size_syntax": ("open", ["EHLO x", MAIL + " SIZE=12x", MAIL + " SIZE=99999999999999999999", MAIL + " SIZE=",
                             "QUIT"]),
    "too_big": ("strict", ["EHLO x", MAIL, JOE, "DATA", message(*["x" * 60] * 40), "DATA", "QUIT"]),
    "hops": ("open", ["HELO x", MAIL, JOE, "DATA", message(*["Received: by %d" % i for i in range(51)], "", "x"), JOE,
                      "QUIT"]),
    "recipient_limit": ("strict", ["HELO x", MAIL, JOE, JOE, JOE, JOE, "DATA", message("x"), "QUIT"]),
    "too_many_errors": ("strict", ["HELO x", "FOO", "FOO", "FOO"]),
    "options": ("open", ["EHLO x", MAIL + " BODY=BINARYMIME", MAIL + " FOO=1", MAIL + " BODY=8BITMIME SIZE=10",
                         JOE + " FOO", JOE + " SIZE=1", JOE, "QUIT"]),
    "dsn": ("open", ["EHLO x", MAIL + " RET=SOME", MAIL + " RET=HDRS RET=FULL", MAIL + " ENVID=a+2",
                     MAIL + " RET=HDRS ENVID=QQ+2B314159", JOE + " NOTIFY=NEVER,SUCCESS", JOE + " NOTIFY=",
                     JOE + " ORCPT=joe@example.org", JOE + " NOTIFY=SUCCESS,DELAY ORCPT=rfc822;j+2Boe@example.org",
                     "QUIT"]),
    "dsn_discarded": ("discard", ["EHLO x", MAIL + " RET=HDRS", MAIL, JOE + " NOTIFY=NEVER", JOE, "QUIT"]),
    "unknown_users": ("open", ["HELO x", MAIL, "RCPT TO:<no@example.org>", "RCPT TO:<no@virtual.example>",
                               "RCPT TO:<no@boxes.example>", "RCPT TO:<no@relayed.example>",
                               "RCPT TO:<info@virtual.example>", "RCPT TO:<ann@boxes.example>",
                               "RCPT TO:<bob@relayed.example>", "RCPT TO:<joe+tag@example.org>", "QUIT"]),
    "unknown_users_soft": ("soft", ["HELO x", MAIL, "RCPT TO:<no@example.org>", "FOO", "QUIT"]),
    "unlisted_sender": ("listed", ["HELO x", *tried("no@example.org"), *tried("joe@example.org"), "QUIT"]),
    "relay_deferred": ("strangers", ["HELO x", MAIL, "RCPT TO:<a@elsewhere.example>", JOE, "DATA", message("x"),
                                     "QUIT"]),
    "relay_denied": ("reject", ["HELO x", MAIL, "RCPT TO:<a@elsewhere.example>",
                                "RCPT TO:<a%elsewhere.example@example.org>",
                                "RCPT TO:<\"a@elsewhere.example\"@example.org>", "RCPT TO:<bob@relayed.example>",
                                "RCPT TO:<elsewhere.example!a>", "RCPT TO:<a@[127.0.0.1]>", "DATA", "QUIT"]),
    "relay_allowed": ("open", ["HELO x", MAIL, "RCPT TO:<a@elsewhere.example>", "RCPT TO:<postmaster>", "QUIT"]),
    "helo_names": ("names", ["HELO -bad-", *tried("a@b.example"), "HELO short", *tried("a@b.example"),
                             "HELO [127.0.0.1]", *tried("a@b.example"), "HELO a.b.example",
                             *tried("a@b.example"), "QUIT"]),
    "address_names": ("names", ["HELO x.example", *tried("root"), *tried("a@short"), *tried("a@b.example", "joe"),
                                *tried(""), "QUIT"]),
    "not_delayed": ("now", ["HELO a..b", "HELO x.example", "MAIL FROM:<bad@b.example>", MAIL, JOE, "QUIT"]),
    "refused_client": ("refused", ["EHLO x", "NOOP", "FOO", "QUIT"]),
    "access_sender": ("access", ["HELO x", *tried("rej@s.example"), *tried("code@s.example"),
                                 *tried("soft@s.example"), *tried("text@s.example"), *tried("defer@s.example"),
                                 *tried("ok@s.example"), *tried("num@s.example"), *tried("x@domain.example"),
                                 "QUIT"]),
    "access_status": ("access", ["HELO x", *tried("odd@s.example"), *tried("status@s.example"),
                                 *tried("maybe@s.example"), *tried("base+ext@e.example"), *tried("user@f.example"),
                                 *tried("x@sub.domain.example"), *tried(""), "QUIT"]),
    "access_recipient": ("access", ["HELO x", MAIL, "RCPT TO:<jane@example.org>", "RCPT TO:<joe+no@example.org>",
                                    JOE, "QUIT"]),
    "status_of_sender": ("access", ["HELO x", *[step for i in range(1, 10)
                                                for step in tried("s%d@s.example" % i)], "QUIT"]),
    "status_of_recipient": ("access", ["HELO x", MAIL, *["RCPT TO:<joe+%d@example.org>" % i for i in range(1, 10)],
                                       "QUIT"]),
    "access_hangup": ("access", ["HELO x", "MAIL FROM:<close@s.example>", JOE]),
    "multi_recipient_bounce": ("access", ["HELO x", "MAIL FROM:<>", JOE, "RCPT TO:<joe>", "DATA", "QUIT"]),
    "classes": ("classes", ["HELO x", *tried("a@b.example", "joe@example.org"),
                            *tried("a@b.example", "jane@example.org"),
                            *tried("a@b.example", "postmaster@example.org"), "QUIT"]),
    "misspelt_list": ("typo", ["HELO x", MAIL, JOE, "QUIT"]),
    # What is left of the envelope after that refusal differs: Postfix mended it after 3.7.
    "end_of_data": ("end", ["HELO x", MAIL, JOE, "DATA", message("x"), "RSET", "MAIL FROM:<c@d.example>",
                            JOE, "DATA", message("x"), "QUIT"]),
    "vrfy": ("open", ["VRFY", "VRFY joe", "VRFY <jane@example.org>", "VRFY no@example.org", "QUIT"]),
    "vrfy_strangers": ("reject", ["VRFY a@elsewhere.example", "QUIT"]),
    "other_verbs": ("open", ["NOOP", "NOOP x", "EXPN staff", "TURN", "STARTTLS", "AUTH PLAIN", "XCLIENT NAME=x",
                             "QUIT"]),
    "empty_command": ("open", ["", "NOOP", "QUIT"]),
    "forbidden_verb": ("open", ["GET / HTTP/1.1"]),
    "header_as_command": ("open", ["Subject: hello"]),
    "long_command": ("open", ["NOOP " + "x" * 1000, "QUIT"]),
    "pipelined": ("open", ["EHLO x", (MAIL, JOE, "RCPT TO:<no@example.org>", "DATA"), message("x"), "QUIT"]),
    "pipelined_ehlo": ("open", [("EHLO x", MAIL, JOE)]),
    "pipelined_data": ("open", ["EHLO x", (MAIL, JOE, "DATA", "Subject: x", ".")]),
    "smuggled": ("open", ["EHLO x", MAIL, JOE, "DATA", b"a\n.\nMAIL FROM:<x@y.example>\r\n.\r\n", "QUIT"]),
    "auth_plain": ("auth", ["EHLO x", "AUTH", "AUTH PLAIN a b", "AUTH CRAM-MD5", "AUTH PLAIN " + PLAIN_BAD,
                            "AUTH PLAIN", PLAIN_OK, "AUTH PLAIN " + PLAIN_OK, MAIL,
                            "RCPT TO:<a@elsewhere.example>", "AUTH PLAIN", "QUIT"]),
    "auth_aborted": ("auth", ["EHLO x", "AUTH PLAIN", "*", "AUTH LOGIN", "*", "QUIT"]),
    "auth_login": ("auth", ["EHLO x", "AUTH LOGIN", base64.b64encode(b"joe").decode(),
                            base64.b64encode(b"secret").decode(), "QUIT"]),
    "tls": ("tls", ["EHLO x", "AUTH PLAIN " + PLAIN_OK, "STARTTLS x", "STARTTLS", "tls!", "EHLO x", "STARTTLS",
                    "AUTH PLAIN " + PLAIN_OK, "QUIT"]),
    "submission": ("submission", ["EHLO x", MAIL, "NOOP", "STARTTLS", "tls!", "EHLO x", MAIL, JOE, "RSET",
                                  "AUTH PLAIN " + PLAIN_OK, MAIL, "RCPT TO:<a@elsewhere.example>", "QUIT"]),
}



class Auth:
    """A Dovecot authentication service with one user."""

    def __init__(self, path):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.bind(str(path))
        os.chmod(path, 0o777)
        self.socket.listen(50)
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                connection, _ = self.socket.accept()
            except OSError:
                return
            threading.Thread(target=self.serve, args=(connection,), daemon=True).start()

    def serve(self, connection):
        connection.sendall(b"VERSION\t1\t2\nMECH\tPLAIN\tplaintext\nMECH\tLOGIN\tplaintext\nSPID\t1\nCUID\t1\n"
                           b"COOKIE\t0123456789abcdef0123456789abcdef\nDONE\n")
        state = {}
        for line in connection.makefile("r"):
            words = line.rstrip("\n").split("\t")
            if words[0] == "AUTH":
                number, mechanism = words[1], words[2]
                response = next((w[5:] for w in words if w.startswith("resp=")), None)
                state[number] = [mechanism, []]
                connection.sendall(self.answer(number, state[number], response))
            elif words[0] == "CONT":
                connection.sendall(self.answer(words[1], state[words[1]], words[2]))

    @staticmethod
    def answer(number, state, response):
        mechanism, said = state
        if response is not None:
            said.append(base64.b64decode(response))
        prompts = [b"Username:", b"Password:"] if mechanism == "LOGIN" else [b""]
        if len(said) < len(prompts):
            return b"CONT\t%s\t%s\n" % (number.encode(), base64.b64encode(prompts[len(said)]))
        good = said == [b"joe", b"secret"] or said == [b"\0joe\0secret"]
        return b"%s\t%s\tuser=joe\n" % (b"OK" if good else b"FAIL", number.encode())


class Both:
    """One Postfix and one smtpd per service, each with its ports."""

    def __init__(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="malote-compat-"))
        self.folder.chmod(0o755)
        self.processes = []
        self.ports = {"ours": {}, "theirs": {}}
        for name, text in FILES.items():
            (self.folder / name).write_text(text)
        subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj",
                        "/CN=mx.example.org", "-keyout", str(self.folder / "key.pem"), "-out",
                        str(self.folder / "cert.pem")], check=True, capture_output=True, timeout=60)
        self.auth = Auth(self.folder / "auth")
        self.start_theirs(self.configuration("theirs"))
        self.start_ours(self.configuration("ours"))

    def configuration(self, side):
        folder = self.folder / side
        folder.mkdir()
        main = MAIN_CF.format(folder=self.folder).replace(
            str(self.folder) + "/spool", str(folder) + "/spool").replace(
            str(self.folder) + "/data", str(folder) + "/data")
        for sub in ("active bounce corrupt defer deferred flush hold incoming journal maildrop pid private public "
                    "saved trace").split():
            (folder / "spool" / sub).mkdir(parents=True)
            shutil.chown(folder / "spool" / sub, "postfix", "postdrop" if sub in ("public", "maildrop") else None)
        for sub in ("public", "maildrop"):
            (folder / "spool" / sub).chmod(0o2710 if sub == "public" else 0o1730)
        (folder / "spool" / "pid").chmod(0o755)
        shutil.chown(folder / "spool" / "pid", "root")
        (folder / "data").mkdir()
        shutil.chown(folder / "data", "postfix")
        (folder / "main.cf").write_text(main)
        return folder

    def overrides(self, name):
        return ["%s=%s" % (key, value.replace("FOLDER", str(self.folder)))
                for key, value in SERVICES[name].items()]

    def start_theirs(self, folder):
        libraries = THEIRS / "usr/lib/postfix"
        with open(folder / "main.cf", "a") as main:
            main.write("daemon_directory = %s/sbin\nshlib_directory = no\nmeta_directory = %s\n"
                       "command_directory = %s/usr/sbin\nimport_environment = MAIL_CONFIG TZ LD_LIBRARY_PATH=%s\n"
         % (libraries, THEIRS / "etc/postfix", THEIRS, libraries))
        lines = []
        for name in SERVICES:
            port = self.ports["theirs"][name] = harness.free_port()
            lines.append("127.0.0.1:%d inet n - n - - smtpd" % port)
            lines += ["  -o { %s }" % pair for pair in self.overrides(name)]
        for entry in ("cleanup unix n - n - 0 cleanup", "qmgr unix n - n 300 1 qmgr",
                      "rewrite unix - - n - - trivial-rewrite", "bounce unix - - n - 0 bounce",
                      "defer unix - - n - 0 bounce", "trace unix - - n - 0 bounce", "tlsmgr unix - - n 1000? 1 tlsmgr",
                      "proxymap unix - - n - - proxymap", "smtp unix - - n - - discard",
                      "relay unix - - n - - discard", "local unix - - n - - discard",
                      "virtual unix - - n - - discard", "discard unix - - n - - discard",
                      "error unix - - n - - error", "retry unix - - n - - error", "anvil unix - - n - 1 anvil"):
            lines.append(entry)
        (folder / "master.cf").write_text("\n".join(lines) + "\n")
        environ = dict(os.environ, LD_LIBRARY_PATH=str(libraries), MAIL_CONFIG=str(folder))
        self.run([str(libraries / "sbin/master"), "-c", str(folder), "-d"], environ, folder / "out")
        for port in self.ports["theirs"].values():
            harness.wait_until("Postfix to listen", lambda: harness.listening(port))

    def start_ours(self, folder):
        environ = dict(os.environ, MAIL_CONFIG=str(folder), ASAN_OPTIONS="detect_leaks=0")
        for name in SERVICES:
            port = self.ports["ours"][name] = harness.free_port()
            argv = [str(harness.LIBEXEC / "smtpd"), "-D", "inet:127.0.0.1:%d" % port]
            for pair in self.overrides(name):
                argv += ["-o", pair]
            self.run(argv, environ, folder / ("out." + name))
        for port in self.ports["ours"].values():
            harness.wait_until("smtpd to listen", lambda: harness.listening(port))

    def run(self, argv, environ, log):
        with open(log, "wb") as out:
            self.processes.append(subprocess.Popen(argv, env=environ, stdin=subprocess.DEVNULL, stdout=out,
                                                   stderr=subprocess.STDOUT))

    def close(self):
        for process in self.processes:
            process.terminate()
        for process in self.processes:
            try:
                process.wait(15)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        self.auth.socket.close()
        shutil.rmtree(self.folder, ignore_errors=True)


class Client:
    def __init__(self, port):
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=20)
        self.file = self.socket.makefile("rb")

    def reply(self):
        """A whole reply, or None when the server has closed the connection."""
        lines = []
        while True:
            try:
                line = self.file.readline()
            except OSError:
                line = b""
            if not line:
                return "\n".join(lines) if lines else None
            lines.append(line.decode("latin-1").rstrip("\r\n"))
            if not re.match(r"\d\d\d-", lines[-1]):
                return "\n".join(lines)

    def tls(self):
        context = ssl.create_default_context()
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        self.socket = context.wrap_socket(self.socket)
        self.file = self.socket.makefile("rb")

    def talk(self, steps):
        replies = [self.reply()]
        for step in steps:
            if step == "tls!":
                self.tls()
                continue
            parts = step if isinstance(step, tuple) else (step,)
            data = b"".join(p if isinstance(p, bytes) else p.encode() + b"\r\n" for p in parts)
            try:
                self.socket.sendall(data)
            except OSError:
                pass
            for _ in parts:
                reply = self.reply()
                replies.append(reply)
                if reply is None or reply.startswith(("421", "521", "554 5.5.0")):
                    break
        # What comes unasked: a farewell after too many errors.
        self.socket.settimeout(1)
        replies.append(self.reply())
        self.socket.close()
        return [comparable(r) for r in replies]


def comparable(reply):
    """Without what is not ours to match: queue ids, and extensions that are offered later."""
    if reply is None:
        return None
    reply = re.sub(r"queued as \S+", "queued as QID", reply)
    lines = [line for line in reply.split("\n")
             if not re.fullmatch(r"250[- ](ETRN|SMTPUTF8|CHUNKING)", line)]
    if len(lines) > 1 or reply.startswith("250-"):
        lines = [line[:3] + "-" + line[4:] for line in lines[:-1]] + [lines[-1][:3] + " " + lines[-1][4:]]
    return "\n".join(lines)


@pytest.fixture(scope="module")
def both():
    for user, program in (("postfix", "useradd"), ("postdrop", "groupadd")):
        known = subprocess.run(["getent", "group", user], capture_output=True)
        if known.returncode != 0:
            subprocess.run([program, "--system", user], check=True, timeout=60)
    servers = Both()
    yield servers
    servers.close()


@pytest.mark.parametrize("name", DIALOGUES)
def test_dialogue(both, name):
    service, steps = DIALOGUES[name]
    theirs = Client(both.ports["theirs"][service]).talk(steps)
    ours = Client(both.ports["ours"][service]).talk(steps)
    assert ours == theirs
