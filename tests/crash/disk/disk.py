"""The recorded disk (main.c) for the scripts of this folder, which run in namespaces of their own."""
import os
import pathlib
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent.parent / "tools"))

import harness  # noqa: E402

SIZE = 320 << 20
EXT4 = ["mkfs.ext4", "-q", "-F", "-b", "4096", "-E", "nodiscard,lazy_itable_init=0"]
MAKE = {"ext4": EXT4, "ext4-nojournal": EXT4 + ["-O", "^has_journal"], "xfs": ["mkfs.xfs", "-q", "-f", "-K"]}


def type_of(filesystem):
    return filesystem.partition("-")[0]


def run(*argv):
    done = subprocess.run(list(map(str, argv)), capture_output=True, text=True, timeout=60)
    if done.returncode != 0:
        raise harness.Trouble("%s: %s" % (argv, done.stderr.strip() or done.stdout.strip()))
    return done.stdout.strip()


class Disk:
    """A recorded disk, mounted at WORK/mnt."""

    def __init__(self, work, filesystem):
        self.work = work
        self.loop = self.position_file = None
        self.mounted = False
        image = work / "image"
        with open(image, "wb") as f:
            f.truncate(SIZE)
        run(*MAKE[filesystem], image)
        run("cp", "--sparse=always", image, work / "base")
        for name in ("fuse", "mnt"):
            (work / name).mkdir(exist_ok=True)
        self.server = subprocess.Popen([os.environ["CRASH_DISK"], "record", "--log", str(work / "log"), str(image), str(work / "fuse")])
        try:
            harness.wait_until("the recorded disk", lambda: (work / "fuse" / "disk").exists() or self.server.poll() is not None)
            self.loop = run("losetup", "--find", "--show", "--direct-io=on", work / "fuse" / "disk")
            if run("losetup", "-n", "-O", "DIO", "-l", self.loop) != "1":
                raise harness.Trouble("the loop device does no direct I/O")
            run("mount", "-t", type_of(filesystem), self.loop, work / "mnt")
            self.mounted = True
            run("losetup", "-d", self.loop)  # when it is unmounted, by whatever ends us
            self.loop = None
            self.position_file = os.open(work / "fuse" / "position", os.O_RDONLY)
        except BaseException:
            self.close()
            raise
        (work / "mnt").chmod(0o755)

    def position(self):
        return int(os.pread(self.position_file, 32, 0))

    def close(self):
        if self.position_file is not None:
            os.close(self.position_file)
        if self.mounted:  # processes that are just ending may still use it
            harness.wait_until("nobody to use the disk", lambda: subprocess.run(
                ["umount", str(self.work / "mnt")], capture_output=True, timeout=60).returncode == 0)
        if self.loop:
            run("losetup", "-d", self.loop)
        harness.wait_until("the disk to be free", lambda: subprocess.run(
            ["umount", str(self.work / "fuse")], capture_output=True, timeout=60).returncode == 0 or self.server.poll() is not None)
        self.server.wait(20)


def repair(image):
    """What whoever starts such a machine does first; what e2fsck says that it did."""
    done = subprocess.run(["e2fsck", "-f", "-y", str(image)], capture_output=True, text=True, timeout=60)
    if done.returncode > 3:  # more than "errors were corrected", "and the system should be rebooted"
        raise harness.Trouble("e2fsck: status %d: %s %s" % (done.returncode, done.stdout[-2000:], done.stderr))
    return done.stdout


def mount(work, filesystem, at, seed):
    """Mount at WORK/mnt the disk as it may be when the power went at record `at`; what crash_disk says of it, and e2fsck."""
    image = work / ("cut-%d-%d" % (at, seed))
    words = run(os.environ["CRASH_DISK"], "replay", work / "log", work / "base", image, at, seed)
    try:
        repaired = repair(image) if filesystem == "ext4-nojournal" else ""
        # Two images of one xfs may be mounted at a time.
        run("mount", "-t", type_of(filesystem), "-o", "loop,nouuid" if filesystem == "xfs" else "loop", image, work / "mnt")
    finally:
        image.unlink()  # the loop device still has it
    return words, repaired
