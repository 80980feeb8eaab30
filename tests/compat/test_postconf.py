"""postconf beside Debian's own: the same files, the same output, the same changes."""
import os
import pathlib
import re
import subprocess
import time

import pytest

import harness
import debian_postfix


def _theirs():
    named = os.environ.get("MALOTE_ORACLE")
    return pathlib.Path(named) if named else debian_postfix.root()


THEIRS = _theirs()

pytestmark = pytest.mark.skipif(
    THEIRS is None, reason="Debian's postfix package is not here and cannot be downloaded (set POSTFIX_ROOT)")

MAIN_CF = """# a main.cf with a little of everything
compatibility_level = 3.6
myhostname = mx.example.com
mydestination = $myhostname,
   localhost.$mydomain
# a comment within

   localhost
mydestination = $myhostname, localhost
inet_interfaces = 127.0.0.1
mynetworks_style = host
empty_one =
relay_domains =
mua_client_restrictions = permit_sasl_authenticated, reject
smtpd_restriction_classes = greylisted strict
greylisted = check_policy_service inet:127.0.0.1:10023, permit_mynetworks, reject_unauth_destination, permit
strict = reject
smtpd_recipient_restrictions = permit_mynetworks
  {check_client_access inline:{{192.0.2.1 = reject}}}
#  permit_sasl_authenticated
  reject_unauth_destination
smtpd_banner = ${mail_name?{$myhostname ESMTP}:{nothing}} ${{$compatibility_level} >=level {3} ? {new} : {old}} $$
mailbox_command = /usr/bin/procmail -a "$EXTENSION" $$
virtual_alias_maps = mysql:aliases hash:/etc/postfix/virtual
aliases_hosts = db1 db2
aliases_nothing = x
virtual_maps = hash:/old
relay_destination_concurrency_limit = 3
nosuch_destination_concurrency_limit = 3
typo_maps = hash:/x
smtp_tls_CAfile=/etc/ssl/certs/ca-certificates.crt
message_size_limit	=	20480000
"""

MASTER_CF = """# master
smtp      inet  n       -       y       -       -       smtpd
submission inet n       -       y       -       -       smtpd
  -o syslog_name=postfix/$service_name
#  -o smtpd_tls_security_level=encrypt
  -o smtpd_client_restrictions=$mua_client_restrictions
  -o { smtpd_relay_restrictions = permit_sasl_authenticated, reject }
  -o milter_macro_daemon_name=ORIGINATING
127.0.0.1:10025 inet n - n - 10 smtpd -v -o content_filter=
pickup    unix  n       -       y       60      1       pickup
tlsmgr    unix  -       -       y       1000?   1       tlsmgr
relay     unix  -       -       y       -       -       smtp
        -o local_setting=1 -o smtp_helo_name=$local_setting
local     unix  -       n       n       -       -       local
scalemail-backend unix -       n       n       -       2       pipe
  flags=R user=scalemail argv=/usr/lib/scalemail/bin/scalemail-store ${nexthop} ${user} ${extension}
policy unix - n n - 0 spawn user=nobody argv=/usr/bin/policyd {one word} two
"""

# -d and a listing of everything differ where a default was decided differently; -n must not.
READING = [
    ["-n"], ["-nf"], ["-nx"], ["-nh"], ["-Hn"], ["-nxf"], ["-C", "user"], ["-C", "user,service", "-n"],
    ["myhostname", "mydomain", "mydestination"], ["-x", "mydestination", "smtpd_banner"],
    ["-h", "smtpd_recipient_restrictions"], ["-f", "greylisted"], ["-x", "mynetworks"],
    ["-d", "myhostname", "queue_directory", "smtpd_timeout"], ["-dh", "queue_directory"],
    ["-dx", "smtpd_relay_restrictions", "relay_domains"], ["no_such_name", "biff"],
    ["-o", "mydomain=example.org", "-x", "mydomain", "mydestination"], ["-o", "a=b", "-n"],
    ["-M"], ["-Mf"], ["-Mx"], ["-Mfx"], ["-M", "submission"], ["-M", "relay/unix", "smtp/*"], ["-M", "none"],
    ["-F"], ["-F", "smtp/inet"], ["-F", "*/*/chroot"], ["-Fh", "submission/inet/command"],
    ["-F", "smtp/inet/colour"], ["-P"], ["-Px"], ["-PH"], ["-P", "submission/inet/syslog_name"], ["-P", "*/inet"],
    ["-l"], ["-a"], ["-A"], ["-n", "-e"], ["-dn"], ["-hH"], ["-MH"], ["-o", "x"], ["-C", "colour"], ["-X"],
    ["-c", "/nonexistent", "biff"],
]

EDITS_MAIN = [
    ["-e", "biff = no"], ["biff=no"], ["-e", "myhostname=a.example", "relay_domains = x, y"],
    ["-e", "mydestination ="], ["-X", "smtpd_recipient_restrictions"], ["-#", "smtpd_recipient_restrictions", "strict"],
    ["-X", "no_such_name"], ["-e", "nothing"], ["-e", "=x"], ["-e", "a b=c"], ["-e", "a=b\nc=d"], ["-e", "#a=b"],
    ["-e", "biff=no", "biff=yes"],
]

EDITS_MASTER = [
    ["-M", "-e", "smtp/inet=smtp inet n - n - - smtpd -v"],
    ["-M", "new/unix = new unix - n n - - pipe flags=R user=x argv=/bin/foo -x ${sender}"],
    ["-MX", "submission/inet"], ["-M#", "*/unix"], ["-MX", "submission"], ["-M", "-e", "smtp/inet=smtp inet n"],
    ["-F", "-e", "*/inet/chroot=n"], ["-F", "tlsmgr/unix/wakeup=300"], ["-F", "-e", "smtp/inet/command=smtpd -o a=b"],
    ["-F", "-e", "smtp/inet/chroot=x"], ["-F", "-e", "smtp/inet/colour=x"],
    ["-P", "-e", "submission/inet/smtpd_tls_security_level=encrypt"], ["-P", "submission/inet/syslog_name=x"],
    ["-PX", "submission/inet/milter_macro_daemon_name"], ["-P", "-e", "*/inet/mynetworks=$mydestination"],
]


def run(program, folder, args, **environment):
    done = subprocess.run([str(program), "-c", str(folder), *args], capture_output=True, text=True, timeout=60,
                          env={**os.environ, "LC_ALL": "C", **environment})
    words = sorted(set(re.findall(r"(?:unused|undefined) parameter: .*|overriding .*|\S+: unknown parameter",
                                  done.stderr)))
    return done.returncode, done.stdout, words


def ours(folder, args):
    return run(harness.SBIN / "postconf", folder, args)


def theirs(folder, args):
    return run(THEIRS / "usr/sbin/postconf", folder, args, LD_LIBRARY_PATH=str(THEIRS / "usr/lib/postfix"))


def fill(folder, main_cf=MAIN_CF, master_cf=MASTER_CF):
    folder.mkdir(exist_ok=True)
    (folder / "main.cf").write_text(main_cf)
    (folder / "master.cf").write_text(master_cf)
    old = time.time() - 60  # theirs waits until a file that was just written is left alone
    os.utime(folder / "main.cf", (old, old))
    os.utime(folder / "master.cf", (old, old))
    return folder


@pytest.mark.parametrize("args", READING, ids=" ".join)
def test_reading(tmp_path, args):
    folder = fill(tmp_path / "etc")
    status, output, words = ours(folder, args)
    wanted_status, wanted_output, wanted_words = theirs(folder, args)
    assert output == wanted_output
    assert status == wanted_status
    if status == 0 and not {"-d", "-dh", "-dx", "-M", "-F", "-P"} & {a[:3] for a in args}:
        assert set(wanted_words) <= set(words) | {w for w in wanted_words if "overriding" in w}


@pytest.mark.parametrize("args", EDITS_MAIN, ids=" ".join)
def test_editing_main(tmp_path, args):
    one, other = fill(tmp_path / "one"), fill(tmp_path / "other")
    assert ours(one, args)[0] == theirs(other, args)[0]
    assert (one / "main.cf").read_text() == (other / "main.cf").read_text()
    assert sorted(p.name for p in one.iterdir()) == ["main.cf", "master.cf"]


@pytest.mark.parametrize("args", EDITS_MASTER, ids=" ".join)
def test_editing_master(tmp_path, args):
    """Entries are equal; comments stay where they were, which theirs do not always."""
    one, other = fill(tmp_path / "one"), fill(tmp_path / "other")
    assert ours(one, args)[0] == theirs(other, args)[0]
    assert theirs(one, ["-M"])[1] == theirs(other, ["-M"])[1]

    def comments(folder):
        return [line for line in (folder / "master.cf").read_text().splitlines() if line.lstrip().startswith("#")]
    assert comments(one) == comments(other)
    assert sorted(p.name for p in one.iterdir()) == ["main.cf", "master.cf"]


@pytest.mark.parametrize("args", [["-n"], ["-nx"], ["-nf"], ["-M"], ["-Mf"], ["-P"], ["-F"]], ids=" ".join)
def test_stock_debian(tmp_path, args):
    share = THEIRS / "usr/share/postfix"
    folder = fill(tmp_path / "etc", (share / "main.cf.debian").read_text(), (share / "master.cf.dist").read_text())
    assert ours(folder, args) == theirs(folder, args)


def test_every_name_is_known(tmp_path):
    """Each name of theirs is one of ours, in the same order."""
    folder = fill(tmp_path / "etc", "", "")
    names = ours(folder, ["-dH"])[1].split()
    wanted = theirs(folder, ["-dH"])[1].split()
    assert [n for n in wanted if n not in names] == []
    assert names == sorted(names)


def test_editing_keeps_the_mode(tmp_path):
    folder = fill(tmp_path / "etc")
    (folder / "main.cf").chmod(0o640)
    assert ours(folder, ["-e", "biff=no"])[0] == 0
    assert (folder / "main.cf").stat().st_mode & 0o777 == 0o640


def test_editing_a_file_without_last_newline(tmp_path):
    folder = fill(tmp_path / "etc", "a = b")
    assert ours(folder, ["-e", "c=d"])[0] == 0
    assert (folder / "main.cf").read_text() == "a = b\nc = d\n"


def test_editing_twice_changes_nothing(tmp_path):
    folder = fill(tmp_path / "etc")
    assert ours(folder, ["-e", "biff=no"])[0] == 0
    before = (folder / "main.cf").stat()
    assert ours(folder, ["-e", "biff=no"])[0] == 0
    after = (folder / "main.cf").stat()
    assert (before.st_ino, before.st_mtime_ns) == (after.st_ino, after.st_mtime_ns)


def test_version(tmp_path):
    folder = fill(tmp_path / "etc")
    assert ours(folder, ["-h", "mail_version"])[1].startswith("3.12.")


def test_reasons(tmp_path):
    folder = fill(tmp_path / "etc")
    done = subprocess.run([harness.SBIN / "postconf", "--reasons"], capture_output=True, text=True, timeout=60,
                          env={**os.environ, "MAIL_CONFIG": str(folder)})
    assert done.returncode == 0
    assert "without effect" in done.stdout
