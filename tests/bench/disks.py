"""Where the spools lie: a folder, or a disk of its own; and a /dev/log of its own.

All mounts are made in a mount namespace that `run` has entered: nobody else sees them, and they are
gone with it, whatever happens."""
import contextlib
import os
import pathlib
import shutil
import subprocess

import harness
import servers

DISK_BYTES = 8 << 30  # of a sparse file
FREE_BYTES = 2 << 30  # that must be there to fill it
MAKERS = {"ext4": ["mkfs.ext4", "-q", "-F", "-E", "lazy_itable_init=0,lazy_journal_init=0"],
          "xfs": ["mkfs.xfs", "-q", "-f"]}


def command(*words):
    done = subprocess.run([str(w) for w in words], capture_output=True, text=True, timeout=120)
    if done.returncode != 0:
        raise harness.Trouble("%s: %s" % (" ".join(str(w) for w in words), (done.stderr or done.stdout).strip()))
    return done.stdout.strip()


def helper(*argv, ready):
    """One of the programs beside the servers; it ends when this program does."""
    process = subprocess.Popen([str(a) for a in argv], stdin=subprocess.DEVNULL, preexec_fn=servers.end_with_parent)
    harness.wait_until("%s to be ready" % argv[0], lambda: process.poll() is not None or ready(), 20, 0.01)
    if process.poll() is not None:
        raise harness.Trouble("%s ended with status %d" % (argv[0], process.returncode))
    return process


def end(process):
    process.terminate()
    process.wait()


class LoopDisk:
    """A file system on a loop device over a sparse file in `folder`, mounted on folder/mount; with
    `slow_ms`, each of its flushes takes that much longer."""

    def __init__(self, folder, kind, slow_ms, slowdisk):
        missing = harness.need("losetup", MAKERS[kind][0])
        if missing:
            raise harness.Trouble("--disk %s needs %s" % (kind, " and ".join(missing)))
        if shutil.disk_usage(folder).free < FREE_BYTES:
            raise harness.Trouble("--disk needs %d GiB free in %s" % (FREE_BYTES >> 30, folder))
        self.mount, self.slow, self.slow_process = folder / "mount", folder / "slow", None
        self.mount.mkdir()
        file = folder / "disk"
        with open(file, "wb") as f:
            f.truncate(DISK_BYTES)
        try:
            if slow_ms:
                file = self._slow_down(file, slow_ms, slowdisk)
            device = self._loop(file)
            try:
                command(*MAKERS[kind], device)
                command("mount", device, self.mount)
            finally:
                # it goes away when it is unmounted, or now when it is not mounted
                command("losetup", "--detach", device)
        except BaseException:
            self.close()
            raise
        self.mount.chmod(0o755)

    def _slow_down(self, file, slow_ms, slowdisk):
        if not slowdisk.exists():
            raise harness.Trouble("--slow-flush needs FUSE: install libfuse3-dev and run this again")
        if not os.path.exists("/dev/fuse"):
            raise harness.Trouble("--slow-flush needs /dev/fuse, which is not here")
        self.slow.mkdir()
        self.slow_process = helper(slowdisk, file, self.slow, int(slow_ms * 1000),
                                   ready=lambda: (self.slow / "disk").exists())
        return self.slow / "disk"

    @staticmethod
    def _loop(file):
        try:
            return command("losetup", "--find", "--show", "--direct-io=on", file)
        except harness.Trouble:
            return command("losetup", "--find", "--show", file)

    @staticmethod
    def _unmount(path):
        """A process that is just ending may still use it.  What is behind a slow disk must be gone
        before slowdisk is: the kernel would wait for it for ever."""
        def tried():
            with contextlib.suppress(harness.Trouble):
                command("umount", path)
            return not os.path.ismount(path)
        harness.wait_until("nobody to use %s any more" % path, tried, 30, 0.1)

    def close(self):
        for path in (self.mount, self.slow):
            if path.is_dir() and os.path.ismount(path):
                self._unmount(path)
        if self.slow_process:
            end(self.slow_process)


class Syslog:
    """A /dev/log that nobody else sees, read by logfile into a file.  /dev becomes a folder of links
    to what is in the real one."""

    def __init__(self, folder, logfile):
        real, ours = folder / "dev-real", folder / "dev"
        self.file = folder / "mail.log"
        real.mkdir()
        ours.mkdir()
        command("mount", "--rbind", "/dev", real)
        command("mount", "-t", "tmpfs", "-o", "mode=755", "tmpfs", ours)
        for name in os.listdir(real):
            if name != "log":
                (ours / name).symlink_to(real / name)
        # How many lines may wait is taken from here when the socket is made; systemd sets 512 too.
        waiting = pathlib.Path("/proc/sys/net/unix/max_dgram_qlen")
        before = waiting.read_text()
        try:
            if int(before) < 512:
                waiting.write_text("512")
            self.process = helper(logfile, ours / "log", self.file, ready=self.file.exists)
        finally:
            if int(before) < 512:
                waiting.write_text(before)
        command("mount", "--rbind", ours, "/dev")

    def close(self):
        command("umount", "--lazy", "/dev")
        end(self.process)
        for name in ("dev", "dev-real"):
            command("umount", "--lazy", self.file.parent / name)
