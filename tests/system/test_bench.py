"""tests/bench/run goes on working: a few messages through each kind of row.  What it measures is not
looked at, only that it measures; the numbers of a build with sanitizers say nothing."""
import json
import os
import subprocess
import sys

import pytest

import harness

sys.path.insert(0, str(harness.TOP / "tests" / "compat"))

import debian_postfix  # noqa: E402

RUN = harness.TOP / "tests" / "bench" / "run"


@pytest.fixture
def bench(folder):
    """bench(arguments ...): run it with a few messages; (the runs it wrote down, what it printed)."""
    def run(*arguments, user=None):
        who = {"user": user[0], "group": user[1], "extra_groups": []} if user else {}
        out = folder / "runs"
        done = subprocess.run(
            ["/usr/bin/python3", str(RUN), "--n", "20", "--reps", "1", "--json", str(out), "--spool", str(folder),
             *arguments], capture_output=True, text=True, timeout=180, cwd="/",
            env=dict(os.environ, MALOTE_BUILD=str(harness.BUILD), ASAN_OPTIONS="detect_leaks=0"), **who)
        runs = [json.loads(line) for line in out.read_text().splitlines()] if out.exists() else []
        return runs, done
    folder.chmod(0o777)
    if not (harness.BUILD / "tests/bench/load").exists():
        pytest.skip("%s has no measuring programs (ninja tests)" % harness.BUILD)
    return run


def timed(runs, row, server="malote"):
    found = [run for run in runs if run["row"] == row and run["server"] == server and "rate" in run]
    assert len(found) == 1
    assert found[0]["rate"] > 0 and found[0]["errors"] == 0
    return found[0]


def left_behind(folder):
    return [p for p in folder.iterdir() if p.name != "runs"]


def test_every_kind_of_row(bench, folder):
    """Receive and discard, deliver, relay to 50, sendmail, idle sessions, TLS."""
    runs, done = bench("a20x100", "b100", "c50", "d8", "e", "g", "--against", "none")
    assert done.returncode == 0, done.stdout + done.stderr
    for row in ("a20x100", "b100", "c50", "d8", "g"):
        timed(runs, row)
    idle, = [run for run in runs if run["row"] == "e"]
    assert idle["open"] == 20 and idle["kib"] > 0
    assert left_behind(folder) == []


def test_beside_postfix(bench, folder):
    if not harness.IS_ROOT:
        pytest.skip("Debian's Postfix starts as root only")
    if debian_postfix.root() is None:
        pytest.skip("Debian's Postfix is not to be had here")
    runs, done = bench("a20", "b1")
    assert done.returncode == 0, done.stdout + done.stderr
    for server in ("malote", "postfix"):
        timed(runs, "a20", server)
        # a flush for each message and one for its mailbox, in whatever way they were counted
        counted, = [r for r in runs if r.get("counted") and r["row"] == "b1" and r["server"] == server]
        assert counted.get("fsync", 1) > 0
    assert timed(runs, "b1", "postfix")["user"] + timed(runs, "b1", "postfix")["system"] > 0
    assert left_behind(folder) == []


def test_on_a_slow_disk_of_its_own(bench, folder):
    if not harness.IS_ROOT or harness.need("losetup", "mkfs.ext4"):
        pytest.skip("a loop device needs root, losetup and mkfs.ext4")
    if not os.path.exists("/dev/fuse") or not os.path.exists("/dev/loop-control"):
        pytest.skip("there is no /dev/fuse or no loop device here")
    if not (harness.BUILD / "tests/bench/slowdisk").exists():
        pytest.skip("this build has no slowdisk: libfuse3-dev is missing")
    runs, done = bench("a1", "--against", "none", "--disk", "ext4", "--slow-flush", "20")
    assert done.returncode == 0, done.stdout + done.stderr
    assert timed(runs, "a1")["p50"] >= 20  # one flush at least before each reply
    assert left_behind(folder) == []
    assert str(folder) not in open("/proc/mounts").read()


def test_what_cannot_be_is_said(bench):
    if harness.IS_ROOT:
        nobody = harness.another_user()
        _, done = bench("a20", "--against", "postfix", user=nobody)
        assert done.returncode != 0 and "Postfix starts as root only" in done.stderr
        _, done = bench("a20", "--disk", "xfs", user=nobody)
        assert done.returncode != 0 and "only root can" in done.stderr
    _, done = bench("a21")
    assert done.returncode != 0 and "there is no row a21" in done.stderr
    _, done = bench("a20", "--spool", "/nowhere", "--against", "none")
    assert done.returncode != 0 and "/nowhere is not a folder" in done.stderr
