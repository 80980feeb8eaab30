"""selftest.py WORK FILESYSTEM: what fsync covers is there after a cut; what none covers can be lost.

Runs in namespaces of its own (test_powercut.py makes them)."""
import os
import pathlib
import sys

from disk import Disk, mount, run

CONTENT = os.urandom(50000)


def contents(work, filesystem, at, seed):
    """{name: content} after a cut."""
    mount(work, filesystem, at, seed)
    try:
        return {path.name: path.read_bytes() for path in (work / "mnt").iterdir() if path.is_file()}
    finally:
        run("umount", work / "mnt")


def main():
    work, filesystem = pathlib.Path(sys.argv[1]), sys.argv[2]
    disk = Disk(work, filesystem)
    try:
        folder = os.open(work / "mnt", os.O_RDONLY)
        flushed = []
        for number in range(10):
            with open(work / "mnt" / ("flushed-%d" % number), "wb") as f:
                f.write(CONTENT)
                f.flush()
                os.fsync(f.fileno())
            os.fsync(folder)
            flushed.append(disk.position())
            # Pushed out by hand, but not flushed: in flight.
            with open(work / "mnt" / ("written-%d" % number), "wb") as f:
                f.write(CONTENT)
        # Overwritten in place: no metadata to wait for, only the data.
        with open(work / "mnt" / "flushed-0", "r+b") as f:
            f.write(CONTENT[::-1])
            f.flush()
            before = disk.position()
            os.fdatasync(f.fileno())
            after = disk.position()
        os.close(folder)
    finally:
        disk.close()
    for number, at in enumerate(flushed):
        for seed in range(3):
            found = contents(work, filesystem, at, seed)
            for earlier in range(number + 1):
                assert found.get("flushed-%d" % earlier) == CONTENT, "lost: flushed-%d at %d, seed %d" % (earlier, at, seed)
    assert all(contents(work, filesystem, after, seed)["flushed-0"] == CONTENT[::-1] for seed in range(5))
    states = {contents(work, filesystem, at, seed)["flushed-0"] for at in range(before, after) for seed in range(12)}
    assert CONTENT in states, "what was not flushed was never lost"
    assert len(states) > 1, "what was not flushed was always lost"
    assert states - {CONTENT, CONTENT[::-1]}, "no write was ever torn or left out among others"
    found = [contents(work, filesystem, at, 1) for at in flushed]
    assert any("written-%d" % n not in f for n, f in enumerate(found)), "files that nobody flushed were always there"


main()
