"""Figures as people read them."""
import statistics

HEAD = ("row", "server", "rate/s [min..max]", "x Postfix [min..max]", "CPU s/1000 (user+sys)", "p50/p99 ms", "fsync",
        "switches", "calls", "flushes", "errors")
WIDTHS = (7, 7, 22, 21, 21, 13, 6, 8, 7, 7, 6)
MEANING = """\
rate/s    messages a second until the last one is delivered and gone from the queue: the median of the runs
x Postfix that rate divided by Postfix's of the same pair of runs: the median of the pairs
CPU       of all processes of the server, per 1000 messages
p50/p99   from the beginning of a message (of the session, for its first) to the reply to its last dot
fsync, switches, calls: fsync and its kin, context switches, system calls, per message
flushes   of the disk that holds the spool, whoever caused them, per message
errors    messages that were refused, or were not found where they should be"""


def line(cells):
    return "  ".join(str(c).ljust(w) for c, w in zip(cells, WIDTHS)).rstrip()


def head():
    return line(HEAD) + "\n" + line("-" * w for w in WIDTHS)


def number(value):
    """Three digits of it that count."""
    if value is None:
        return "-"
    return "%.0f" % value if value >= 100 else "%.1f" % value if value >= 10 else "%.2f" % value


def spread(values):
    return "%s [%s..%s]" % (number(statistics.median(values)), number(min(values)), number(max(values)))


def middle(runs, key):
    values = [run[key] for run in runs if run[key] is not None]
    return statistics.median(values) if values else None


def measured(row, name, runs, counts, ratios):
    """The line of one server: its timed runs, the counts of its counted run, its ratios if any."""
    user, system = middle(runs, "user"), middle(runs, "system")
    return line((row.name, name, spread([run["rate"] for run in runs]), spread(ratios) if ratios else "-",
                 "%s (%s+%s)" % (number(user + system), number(user), number(system)),
                 "%s/%s" % (number(middle(runs, "p50")), number(middle(runs, "p99"))),
                 number(counts.get("fsync")), number(counts.get("switches")), number(counts.get("calls")),
                 number(middle(runs, "flushes")), sum(run["errors"] for run in runs)))


def idle(row, name, result):
    return line((row.name, name, "%.1f KiB a session" % result["kib"], "", "", "", "", "", "", "", result["errors"])) + \
        "  (%d open, %d processes)" % (result["open"], result["processes"])
