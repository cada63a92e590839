"""What processes cost: CPU by cgroup where root can make one (nothing escapes, not even what is orphaned), else by
/proc; and memory that is theirs alone."""
import os
import pathlib
import time

V1, V2 = pathlib.Path("/sys/fs/cgroup/cpuacct"), pathlib.Path("/sys/fs/cgroup")
TICK = os.sysconf("SC_CLK_TCK")


def descendants(pid):
    """pid and everything below it."""
    children = {}
    for stat in pathlib.Path("/proc").glob("[0-9]*/stat"):
        try:
            parent = int(stat.read_text().rpartition(")")[2].split()[1])
        except (OSError, ValueError):
            continue
        children.setdefault(parent, []).append(int(stat.parent.name))
    found = [pid]
    for p in found:
        found += children.get(p, [])
    return found


def anonymous_kib(pid):
    """Memory that a process has written itself, KiB."""
    for line in pathlib.Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("RssAnon:"):
            return int(line.split()[1])
    return 0


class Group:
    """One cgroup: the CPU seconds of all that was ever in it."""

    def __init__(self, path, usage, unit):
        self.path, self.usage, self.unit = path, path / usage, unit
        path.mkdir(parents=True)

    def add(self, pid):
        for p in descendants(pid):
            try:
                (self.path / "cgroup.procs").write_text(str(p))
            except OSError:  # it has ended
                pass

    def seconds(self):
        text = self.usage.read_text().split()
        return int(text[1] if text[0] == "usage_usec" else text[0]) * self.unit


class ProcStat:
    """Without root: the daemon and the children it has waited for.  An orphan's time is missed."""

    def __init__(self):
        self.pids = []

    def add(self, pid):
        self.pids += descendants(pid)

    def seconds(self):
        ticks = 0
        for pid in self.pids:
            try:
                fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
                ticks += sum(map(int, fields[11:15]))
            except OSError:
                pass
        return ticks / TICK


class Meter:
    """CPU of each role (a daemon's name).  A context manager: the groups are removed when the daemons have ended."""

    def __init__(self):
        self.roles, self.top = {}, None
        for base, usage, unit in ((V1, "cpuacct.usage", 1e-9), (V2, "cpu.stat", 1e-6)):
            if (base / usage).exists() and os.access(base, os.W_OK) and os.geteuid() == 0:
                self.top, self.usage, self.unit = base / f"sluice-perf-{os.getpid()}-{time.monotonic_ns()}", usage, unit
                break

    @property
    def how(self):
        return f"cgroup {self.usage}" if self.top else "/proc/PID/stat"

    def watch(self, role, pid):
        if role not in self.roles:
            self.roles[role] = Group(self.top / role, self.usage, self.unit) if self.top else ProcStat()
        self.roles[role].add(pid)

    def seconds(self):
        return {role: group.seconds() for role, group in self.roles.items()}

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for path in [g.path for g in self.roles.values() if isinstance(g, Group)] + [self.top]:
            for _ in range(50):
                try:
                    path and path.rmdir()
                    break
                except FileNotFoundError:
                    break
                except OSError:  # a process is still ending
                    time.sleep(0.1)
