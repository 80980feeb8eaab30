"""postmap and postalias beside Debian's own: the same files, the same answers."""
import os
import pathlib
import re
import shutil
import subprocess

import pytest

import harness
import debian_postfix

THEIRS = debian_postfix.root()

pytestmark = pytest.mark.skipif(THEIRS is None, reason="Debian's Postfix is not here")

MAIN_CF = """compatibility_level = 3.6
default_database_type = hash
mail_owner = mail
setgid_group = games
myhostname = host.example.com
data_directory = %s
"""

MAP = """# a comment
Foo bar
   continued
foo  baz
noval
"quo ted" val
# between
  cont
x: y
user@Example.COM  someone@example.net, other
.example.org\terror:5.1.1 no such user
a\tb
tabbed\tvalue with  two blanks
"unbalanced
"""

ALIASES = r"""root: me
"a b": x
noval
foo: bar,
  baz
Foo: dup
x y: z
: empty
q:
A@B: x
list: :include:/x
pipe: "|/bin/x y", /a/b
"|prog": run
UP: Foo
v1:  a  b ,c , d
v3:	a@b.c ,	"x  y"@z
v9: |prog a b, c
"""

PATTERNS = r"""# comment
/^postmaster@/  OK
/^(.*)@(.*)\.old$/  $2-${1}@new
!/@/ bare
if /@x\.com$/
/^a/ isA
if !/^b/
/^c/ isC
endif
/^b/  isB $$1
endif
endif
bad line
/unclosed
/x/q  flags
/^CaSe@/i cs
/[/ broken
/(a)/ $3
/^y/ two
   lines
!/n(o)t/ $1
"""

NETWORKS = """192.168.1.0/24 lan
192.168.2.1 host
192.168.3.1/24 bad
!10.0.0.0/8 notten
if 10.0.0.0/8
10.1.0.0/16 ten1
endif
2001:db8::/32 doc
[2001:db9::1] v6
1.2.3 bad
0.0.0.0/0
"""


class Side:
    """One of the two, in a folder of its own."""

    def __init__(self, folder, program, env):
        self.folder = folder
        self.programs = program
        self.env = dict(os.environ, **env)
        folder.mkdir()
        (folder / "main.cf").write_text(MAIN_CF % folder)
        for name, text in (("map", MAP), ("aliases", ALIASES), ("re", PATTERNS),
                           ("cidr", NETWORKS)):
            (folder / name).write_text(text)

    def run(self, name, *args, input=""):
        done = subprocess.run([str(self.programs / name), "-c", str(self.folder), *args], cwd=self.folder,
                              env=self.env, input=input, text=True, capture_output=True, timeout=30)
        return done.returncode, done.stdout, done.stderr


@pytest.fixture
def sides(tmp_path):
    lib = str(THEIRS / "usr/lib/postfix")
    return (Side(tmp_path / "ours", harness.SBIN, {}),
            Side(tmp_path / "theirs", THEIRS / "usr/sbin", {"LD_LIBRARY_PATH": lib}))


def both(sides, name, *args, input="", words=True, sort=False):
    """Run it on both sides: status, output and (words) complaints are equal."""
    ours, theirs = (side.run(name, *args, input=input) for side in sides)
    assert ours[0] == theirs[0], (name, args, ours, theirs)
    lines = [out.splitlines() for out in (ours[1], theirs[1])]
    if sort:
        lines = [sorted(one) for one in lines]
    lines = [[re.sub(r"^(YP_LAST_MODIFIED:\t)\d+", r"\1N", line) for line in one] for one in lines]
    assert lines[0] == lines[1], (name, args)
    if words:
        assert ours[2].splitlines() == theirs[2].splitlines(), (name, args)
    return ours


@pytest.mark.parametrize("kind", ["hash", "btree"])
def test_make_and_dump(sides, kind):
    both(sides, "postmap", kind + ":map")
    both(sides, "postmap", "-s", kind + ":map", sort=True)
    for key in ("foo", "FOO", '"quo ted"', "quo ted", "x:", "user@example.com", ".example.org", "nope", "tabbed"):
        both(sides, "postmap", "-q", key, kind + ":map")


def test_make_keeping_case(sides):
    both(sides, "postmap", "-f", "hash:map")
    both(sides, "postmap", "-s", "hash:map", sort=True)
    both(sides, "postmap", "-q", "Foo", "hash:map")
    both(sides, "postmap", "-fq", "Foo", "hash:map")


def test_default_type(sides):
    both(sides, "postmap", "map")
    both(sides, "postmap", "-q", "foo", "map")


@pytest.mark.parametrize("flag", ["-n", "-N"])
def test_nul(sides, flag):
    """Each reads what the other has made, with and without NUL."""
    both(sides, "postmap", flag, "hash:map")
    for side in sides:
        (side.folder / "map.db").rename(side.folder / "map.db.own")
    for a, b in (sides, reversed(sides)):
        shutil.copy(a.folder / "map.db.own", b.folder / "map.db")
    both(sides, "postmap", "-q", "foo", "hash:map")
    both(sides, "postmap", "-s", "hash:map", sort=True)
    both(sides, "postmap", "-d", "foo", "hash:map")
    both(sides, "postmap", "-i", "hash:map", input="new value\n")
    both(sides, "postmap", "-s", "hash:map", sort=True)


def test_update_and_delete(sides):
    both(sides, "postmap", "hash:map")
    both(sides, "postmap", "-d", "foo", "hash:map")
    both(sides, "postmap", "-d", "foo", "hash:map")
    both(sides, "postmap", "-i", "hash:map", input="new v\na c\n")
    both(sides, "postmap", "-s", "hash:map", sort=True)
    both(sides, "postmap", "-ir", "hash:map", input="new v2\na c\n")
    both(sides, "postmap", "-s", "hash:map", sort=True)
    both(sides, "postmap", "-iw", "hash:map", input="new v3\n")
    both(sides, "postmap", "-q", "-", "hash:map", input="new\nnope\na\n")
    both(sides, "postmap", "-d", "-", "hash:map", input="new\nnope\na\n")
    both(sides, "postmap", "-q", "-", "hash:map", input="new\nnope\na\n")


def test_duplicates(sides):
    both(sides, "postmap", "-w", "hash:map")
    both(sides, "postmap", "-q", "foo", "hash:map")
    both(sides, "postmap", "-r", "hash:map")
    both(sides, "postmap", "-q", "foo", "hash:map")


def test_aliases(sides):
    both(sides, "postalias", "hash:aliases")
    both(sides, "postalias", "-s", "hash:aliases", sort=True)
    for key in ("root", "ROOT", "a b", "x y", "pipe", "nope", "@", "YP_MASTER_NAME"):
        both(sides, "postalias", "-q", key, "hash:aliases")
    both(sides, "postalias", "-fq", "YP_MASTER_NAME", "hash:aliases")
    both(sides, "postalias", "-i", "hash:aliases", input="added: x\nroot: y\n")
    both(sides, "postalias", "-s", "hash:aliases", sort=True)


@pytest.mark.parametrize("key", ["postmaster@x", "foo@bar.old", "bare", "axel@x.com", "bert@x.com", "carl@x.com",
                                 "case@n", "CaSe@n", "y@y", "POSTMASTER@x", "none@n"])
def test_patterns(sides, key):
    both(sides, "postmap", "-q", key, "regexp:re", words=False)


def test_networks(sides):
    for key in ("192.168.1.5", "192.168.2.1", "10.1.2.3", "10.2.3.4", "2001:db8::1", "2001:db9::1", "1.1.1.1", "hello"):
        both(sides, "postmap", "-q", key, "cidr:cidr")


@pytest.mark.parametrize("spec", [
    "inline:{ a=b, { c = d e }, f=g }", "static:abc", "static:{a b}", "randmap:{x}",
    "unionmap:{static:a,static:b}", "pipemap:{inline:{a=b},inline:{b=c}}", "unix:passwd.byname",
    "unix:group.byname", "texthash:map", "regexp:{{/a/ x}, {/c/ y}}", "cidr:{{1.0.0.0/8 x}}", "inline:{b=}"])
def test_types(sides, spec):
    for key in ("a", "b", "root", "adm"):
        both(sides, "postmap", "-q", key, spec)


# (a fatal error costs Debian's postmap a second)
@pytest.mark.parametrize("spec", [
    "inline:{a}", "inline:{}", "unionmap:{}", "unix:foo", "hash:nofile", "btree:nofile", "regexp:nofile", "nosuch:x"])
def test_bad_types(sides, spec):
    both(sides, "postmap", "-q", "a", spec, words=spec != "nosuch:x")


def test_mistakes(sides):
    both(sides, "postmap", "hash:nofile")
    both(sides, "postmap", "regexp:map", words=False)
    both(sides, "postmap", "-q", "a", "-d", "b", "hash:map")
    both(sides, "postmap", "-s", "static:abc")
    both(sides, "postmap", "-d", "a", "static:abc")
    both(sides, "postmap", "-d", "a", "hash:nofile")
    both(sides, "postmap", "-q", "a", "static:")


def test_message_keys(sides):
    message = "Subject: a\n b\nTo: x\n\nbody line\nTo: body\n"
    for flag in ("-h", "-b"):
        both(sides, "postmap", flag + "q", "-", "regexp:{{/^To:/ found}, {/line/ line}, {/Subject/ subject}}",
             input=message)


@pytest.mark.parametrize("mode", [0o600, 0o640, 0o644, 0o755])
def test_mode(sides, mode):
    for side in sides:
        (side.folder / "map").chmod(mode)
    both(sides, "postmap", "hash:map")
    modes = [(side.folder / "map.db").stat().st_mode & 0o7777 for side in sides]
    assert modes[0] == modes[1]


def test_old_index_stays_until_the_new_one_is_there(sides):
    """Nothing is written in place, and nothing is left over."""
    ours = sides[0]
    ours.run("postmap", "hash:map")
    before = (ours.folder / "map.db").stat().st_ino
    with open(ours.folder / "map.db", "rb") as held:
        ours.run("postmap", "hash:map")
        assert os.fstat(held.fileno()).st_size > 0
    assert (ours.folder / "map.db").stat().st_ino != before
    assert [p.name for p in pathlib.Path(ours.folder).glob("map.*")] == ["map.db"]


@pytest.mark.skipif(not harness.IS_ROOT, reason="only root changes owners")
def test_owner(folder):
    """Root builds a user's table as that user, in a folder that every user may enter."""
    ours = Side(folder / "ours", harness.SBIN, {})
    shutil.chown(ours.folder / "map", "nobody", "nogroup")
    for owner, group in (("root", "root"), ("nobody", "nogroup")):
        shutil.chown(ours.folder, owner, group)
        (ours.folder / "map.db").unlink(missing_ok=True)
        assert ours.run("postmap", "hash:map")[0] == 0
        assert (ours.folder / "map.db").owner() == "nobody"
