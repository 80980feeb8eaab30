"""Power cuts: whatever was acknowledged is there after the power went, at any moment.

The whole site (spool, mailboxes, configuration) lies on a file system on a disk that takes notes
(disk/main.c).  disk/load.py keeps it busy and notes when each message was acknowledged; then, for many
moments of that time, disk/cut.py mounts the disk as it may be when the power went there (everything that a
flush covered, and a random part of what none did), starts the suite, and looks for the messages.  Where ext4 has no
journal, e2fsck runs first; what it takes away although it was durable is counted apart (README.md, "Power cuts").

POWERCUTS says how many cuts in all (50; the long mode is 1000), POWERCUT_SEED repeats a run's choices of moments
and of what is lost (not the load's timing), POWERCUT_KEEP=1 keeps the record of a load that had a failing cut.
"""
import collections
import concurrent.futures
import json
import os
import pathlib
import random
import shutil
import subprocess
import sys
import tempfile

import pytest

import harness

CUTS = int(os.environ.get("POWERCUTS", "50"))
SEED = int(os.environ.get("POWERCUT_SEED", "0")) or random.randrange(1, 1 << 30)
CUTS_PER_LOAD = 60
HERE = pathlib.Path(__file__).resolve().parent / "disk"
# (file system, segment size, share of the cuts): segments of 1 MiB are written over every second.
# "-nojournal": mkfs.ext4 -O ^has_journal, and e2fsck before the disk is mounted again.
KINDS = (("ext4", 1 << 20, 0.36), ("xfs", 1 << 20, 0.36), ("ext4-nojournal", 1 << 20, 0.08),
         ("ext4", 0, 0.08), ("xfs", 0, 0.08), ("ext4-nojournal", 0, 0.04))
NAMES = {0: "files", 1 << 20: "journal"}


def reason_to_skip():
    if not harness.IS_ROOT:
        return "mounting needs root"
    if not os.path.exists("/dev/fuse"):
        return "there is no /dev/fuse"
    if not os.path.exists("/dev/loop-control") or subprocess.run(["losetup", "-f"], capture_output=True).returncode != 0:
        return "there is no loop device"
    return None


pytestmark = pytest.mark.skipif(reason_to_skip() is not None, reason=str(reason_to_skip()))


def apart(script, *args, timeout=300):
    """Run a script in mount, network and process namespaces of its own: whatever it leaves is gone with it, and it with us."""
    env = dict(os.environ, MALOTE_BUILD=str(harness.BUILD), CRASH_DISK=harness.built_for_tests("crash_disk"),
               CRASH_NOSYNC_SO=harness.built_for_tests("libcrash_nosync.so"))
    return subprocess.run(["setpriv", "--pdeathsig", "KILL", "unshare", "--mount", "--net", "--pid", "--fork", "--kill-child", "--mount-proc", sys.executable,
                           str(HERE / script), *map(str, args)], capture_output=True, text=True, timeout=timeout, env=env)


@pytest.fixture
def work():
    path = pathlib.Path(tempfile.mkdtemp(prefix="malote-test-"))
    path.chmod(0o755)
    yield path
    if not (path / "keep").exists():
        shutil.rmtree(path, ignore_errors=True)


def make_load(work, filesystem, seconds, segment_size, *broken):
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir()
    done = apart("load.py", work, filesystem, seconds, segment_size, *broken)
    assert done.returncode == 0, done.stderr[-6000:]
    return json.loads((work / "load.json").read_text())


def choose_cuts(work, told, count, rng):
    """Moments: any; right after a flush; right before one, when most is in flight."""
    listed = subprocess.run([harness.built_for_tests("crash_disk"), "list", work / "log"], check=True, capture_output=True, text=True).stdout
    flushes = [int(line.split()[0]) for line in listed.splitlines() if line.split()[1] == "f"]
    flushes = [at for at in flushes if told["begin"] < at < told["end"]]
    assert len(flushes) > 100, "the load was no load: %d flushes" % len(flushes)
    cuts = []
    for number in range(count):
        kind = number % 5
        at = rng.randint(told["begin"] + 1, told["end"]) if kind < 3 else rng.choice(flushes) + (kind == 3)
        cuts.append((at, rng.randrange(1, 1 << 30)))
    return cuts


def cut(work, filesystem, at, seed):
    done = apart("cut.py", work, filesystem, at, seed)
    assert done.returncode == 0, "cut at %d, seed %d: %s" % (at, seed, done.stderr[-3000:])
    return json.loads(done.stdout)


def cut_all(work, filesystem, cuts):
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count() or 1) as pool:
        return list(pool.map(lambda one: cut(work, filesystem, *one), cuts))


def is_bad(result):
    return any(result[what] for what in ("lost", "left", "garbled", "reports"))


def describe(result):
    return "%s (seed %d): lost %s, left in the queue %s, garbled %s %s\n%s\n%s" % (
        result["words"], result["seed"], result["lost"][:5], result["left"], result["garbled"][:3],
        "".join(result["reports"]), result["log"], result["repaired"][:3000])


TABLE = []  # (name, counts)


@pytest.fixture(scope="module", autouse=True)
def table(request):
    yield
    if not TABLE:
        return
    capture = request.config.pluginmanager.getplugin("capturemanager")
    columns = ("cuts", "acknowledged", "redone", "lost", "garbled", "duplicated", "halves", "undeleted", "corrupt", "cast_out", "by_fsck")
    with capture.global_and_fixture_disabled():
        print("\npower cuts, seed %d (acknowledged: messages; redone: deliveries that had still to be made; duplicated: deliveries "
              "made again; halves: what an mbox's\nend had of a message that came whole afterwards; undeleted: messages that came "
              "after postsuper -d; corrupt: files put aside, none of them owed; cast_out: owed messages of which "
              "e2fsck found a copy\nwithout a name; by_fsck: those that were nowhere else, or that it took out of the mbox)" % SEED)
        print("%-23s" % "" + "".join("%13s" % c for c in columns))
        for name, counts in TABLE:
            print("%-23s" % name + "".join("%13d" % counts[c] for c in columns))


@pytest.mark.parametrize("filesystem, segment_size, share", KINDS, ids=["%s-%s" % (k[0], NAMES[k[1]]) for k in KINDS])
def test_power_cut(work, filesystem, segment_size, share):
    rng = random.Random("%d %s %d" % (SEED, filesystem, segment_size))
    left = max(1, round(CUTS * share))
    counts = collections.Counter()
    TABLE.append(("%s %s" % (filesystem, NAMES[segment_size]), counts))
    bad = []
    while left > 0 and not bad:
        now = min(left, CUTS_PER_LOAD)
        left -= now
        told = make_load(work / "load", filesystem, 5, segment_size)
        assert told["people"]["held"] and told["people"]["deleted"] and told["deferred"], told["people"]
        results = cut_all(work / "load", filesystem, choose_cuts(work / "load", told, now, rng))
        counts["cuts"] += len(results)
        for result in results:
            for name in ("acknowledged", "redone", "duplicated", "undeleted", "corrupt", "cast_out", "by_fsck"):
                counts[name] += result[name]
            counts["halves"] += result["fragments"]
            counts["lost"] += len(result["lost"])
            counts["garbled"] += len(result["garbled"])
        bad += [r for r in results if is_bad(r)]
    if bad and os.environ.get("POWERCUT_KEEP"):
        (work / "keep").touch()
    assert counts["redone"] > 0, "no cut left anything to do"
    assert not bad, "%d cuts failed (%s)\n%s" % (len(bad), "record: %s" % work if (work / "keep").exists() else "POWERCUT_KEEP=1 keeps the record",
                                                   "\n".join(describe(r) for r in bad[:3]))


@pytest.mark.parametrize("broken", ["smtpd", "virtual"])
def test_a_program_that_does_not_flush_is_caught(work, broken):
    """The proof that this can fail: without its fsync, mail is lost."""
    rng = random.Random(SEED)
    told = make_load(work / "load", "ext4", 2, 1 << 20, broken)
    lost = 0
    for at, seed in choose_cuts(work / "load", told, 10, rng):
        lost += len(cut(work / "load", "ext4", at, seed)["lost"])
        if lost:
            return
    pytest.fail("%s never flushed, and no message was lost in 10 power cuts" % broken)


@pytest.mark.parametrize("filesystem", ["ext4", "ext4-nojournal", "xfs"])
def test_the_disk(work, filesystem):
    """What was flushed is there after a cut, what was not may be gone."""
    done = apart("selftest.py", work, filesystem)
    assert done.returncode == 0, done.stdout + done.stderr
