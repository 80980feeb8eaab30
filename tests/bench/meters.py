"""What a server takes: CPU, memory, flushes, system calls.  Of all its processes, those that have
ended too."""
import contextlib
import os
import pathlib
import re
import shutil
import signal
import subprocess
import tempfile
import time

TICK = os.sysconf("SC_CLK_TCK")
CGROUPS = [pathlib.Path("/sys/fs/cgroup/unified"), pathlib.Path("/sys/fs/cgroup")]


def cgroup_root():
    """Where control groups can be made, or None."""
    for root in CGROUPS:
        if (root / "cgroup.controllers").exists() and os.access(root / "cgroup.procs", os.W_OK):
            probe = root / ("malote-bench-probe-%d" % os.getpid())
            try:
                probe.mkdir()
                probe.rmdir()
            except OSError:
                continue
            return root
    return None


class Group:
    """A control group (version 2): whatever is started in it stays in it."""

    def __init__(self, root, name):
        self.name = "malote-bench-%s-%d" % (name, os.getpid())
        self.path = root / self.name
        self.path.mkdir()

    def enter(self):
        """Called in a new process, before it becomes the server."""
        (self.path / "cgroup.procs").write_text(str(os.getpid()))

    def started(self, pid):
        pass

    def pids(self):
        return [int(pid) for pid in (self.path / "cgroup.procs").read_text().split()]

    def cpu(self):
        """(user, system) seconds up to now."""
        fields = dict(line.split() for line in (self.path / "cpu.stat").read_text().splitlines())
        return int(fields["user_usec"]) / 1e6, int(fields["system_usec"]) / 1e6

    def close(self):
        """Kill what is left, and remove the group; a process that is just ending still keeps it."""
        for _ in range(200):
            try:
                self.path.rmdir()
                return
            except OSError:
                for pid in self.pids():  # in a group of our own: ours
                    with contextlib.suppress(ProcessLookupError):
                        os.kill(pid, signal.SIGKILL)
            time.sleep(0.05)


class Tree:
    """The same without control groups: a process and its descendants, from /proc."""

    name = None
    path = None

    def __init__(self):
        self.root = None

    def enter(self):
        pass

    def started(self, pid):
        self.root = pid

    @staticmethod
    def _stat(pid):
        try:
            text = pathlib.Path("/proc/%d/stat" % pid).read_text()
        except OSError:
            return None
        return text.rsplit(")", 1)[1].split()

    def pids(self):
        children = {}
        for entry in os.listdir("/proc"):
            fields = self._stat(int(entry)) if entry.isdigit() else None
            if fields:
                children.setdefault(int(fields[1]), []).append(int(entry))
        found = [self.root]
        for pid in found:
            found += children.get(pid, [])
        return found

    def cpu(self):
        stats = [s for s in map(self._stat, self.pids()) if s]
        # user, system; of the process and of its children that have ended
        return (sum(int(s[11]) + int(s[13]) for s in stats) / TICK,
                sum(int(s[12]) + int(s[14]) for s in stats) / TICK)

    def close(self):
        pass


def memory_kib(pids):
    """The proportional set size of these processes together."""
    total = 0
    for pid in pids:
        try:
            text = pathlib.Path("/proc/%d/smaps_rollup" % pid).read_text()
        except OSError:
            continue
        total += int(re.search(r"^Pss:\s+(\d+)", text, re.M)[1])
    return total


class Disk:
    """The flushes of the disk that a folder lies on; None where it is not on one."""

    def __init__(self, folder):
        number = os.stat(folder).st_dev
        path = pathlib.Path("/sys/dev/block/%d:%d" % (os.major(number), os.minor(number))).resolve()
        if (path / "partition").exists():
            path = path.parent  # flushes are counted for whole disks only
        self.stat = path / "stat"

    def flushes(self):
        try:
            return int(self.stat.read_text().split()[15])
        except (OSError, IndexError):
            return None


class Calls:
    """Counts system calls, flushes asked for and context switches of a group, for the time of a
    `with`; by perf, else by strace, else not at all (`why` says why).  It slows the server down:
    never part of a timed run."""

    EVENTS = {"syscalls:sys_enter_fsync": "fsync", "syscalls:sys_enter_fdatasync": "fsync",
              "syscalls:sys_enter_syncfs": "fsync", "context-switches": "switches",
              "raw_syscalls:sys_enter": "calls"}
    WORDS = {"perf": "perf stat, in a run of their own", "strace": "strace, in a short run of "
             "their own, of the daemons only; switches are not counted without perf"}

    def __init__(self, have_groups):
        self.means, self.why = None, None
        if not have_groups:
            self.why = "perf counts by control group, and none can be made here"
        elif not shutil.which("perf"):
            self.why = "perf is not installed"
        else:
            done = subprocess.run(["perf", "stat", "-a"] + self._events() + ["true"], capture_output=True, text=True)
            if done.returncode == 0 and "<not" not in done.stderr:
                self.means = "perf"
            else:
                self.why = "perf may not count system calls here"
        if self.means is None and shutil.which("strace"):
            self.means = "strace"

    def words(self):
        if self.means:
            return self.WORDS[self.means] + (" (%s)" % self.why if self.why else "")
        return "not counted: %s, and strace is not installed" % self.why

    @classmethod
    def _events(cls):
        return [word for event in cls.EVENTS for word in ("-e", event)]

    def of(self, group):
        return _Count(self, group)


class _Count:
    def __init__(self, calls, group):
        self.calls, self.group, self.counts = calls, group, {}

    def __enter__(self):
        if self.calls.means is None:
            return self
        self.out = tempfile.NamedTemporaryFile(prefix="malote-bench-count-")
        if self.calls.means == "perf":
            command = ["perf", "stat", "-a", "-x", ",", "-o", self.out.name] + Calls._events() + \
                ["-G", ",".join([self.group.name] * len(Calls.EVENTS))]
        else:
            command = ["strace", "-c", "-f", "-q", "-o", self.out.name]
            for pid in self.group.pids():
                command += ["-p", str(pid)]
        self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                        stderr=subprocess.DEVNULL)
        time.sleep(0.5)
        return self

    def __exit__(self, *_):
        if self.calls.means is None:
            return
        self.process.send_signal(signal.SIGINT)
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        text = pathlib.Path(self.out.name).read_text()
        self.out.close()
        (self._from_perf if self.calls.means == "perf" else self._from_strace)(text)

    def _from_perf(self, text):
        for line in text.splitlines():
            fields = line.split(",")
            if len(fields) > 2 and fields[0].isdigit() and fields[2] in Calls.EVENTS:
                what = Calls.EVENTS[fields[2]]
                self.counts[what] = self.counts.get(what, 0) + int(fields[0])

    def _from_strace(self, text):
        for line in text.splitlines():
            fields = line.split()
            if len(fields) < 4 or not fields[3].isdigit():
                continue
            if fields[-1] == "total":
                self.counts["calls"] = int(fields[3])
            elif fields[-1] in ("fsync", "fdatasync", "syncfs"):
                self.counts["fsync"] = self.counts.get("fsync", 0) + int(fields[3])
        if "calls" in self.counts:
            self.counts.setdefault("fsync", 0)


def flush_microseconds(folder, times=100):
    """What writing 4 KiB into a file that is there, and flushing them, takes: the median."""
    path = pathlib.Path(folder) / "flush-probe"
    took = []
    fd = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        os.write(fd, bytes(4096 * times))
        os.fsync(fd)
        for i in range(times):
            begin = time.monotonic()
            os.pwrite(fd, b"x" * 4096, 4096 * i)
            os.fdatasync(fd)
            took.append(time.monotonic() - begin)
    finally:
        os.close(fd)
        path.unlink()
    return sorted(took)[times // 2] * 1e6
