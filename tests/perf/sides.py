"""The two that are compared, under one set of handles: start, submit, CPU and memory of each daemon."""
import json
import os
import pathlib
import subprocess

from cluster import ROOT, Cluster
from debian import Debian
from meter import Meter, anonymous_kib

BUILD = pathlib.Path(os.environ.get("SLUICE_BUILD", ROOT / "build"))
# Wide, so that Slurm, which starts a wave of jobs a second, is held back by the machine and not by the waves.
NODE = {"nodes": 1, "cpus": 128, "memory": 12800}
SCRIPT = "#!/bin/sh\ntrue\n"


def bench(program, *args, env=None):
    """Runs one of our benchmark programs; its line of JSON as a dictionary."""
    line = [str(BUILD / program), *map(str, args)]
    done = subprocess.run(line, env=env, capture_output=True, text=True, timeout=600)
    if not done.stdout:
        raise RuntimeError(f"{' '.join(line)}: exit {done.returncode}: {done.stderr[-500:]}")
    result = json.loads(done.stdout)
    if result["failed"]:
        print(f"    {program}: {result['failed']} of {result['operations']} failed: {done.stderr[-200:].strip()}")
    return result


class Side:
    """A running cluster and its meter."""

    def __init__(self, name, cluster):
        self.name, self.cluster, self.meter = name, cluster, Meter()

    def __enter__(self):
        self.cluster.start()
        try:
            for role, daemon in self.daemons().items():
                self.meter.watch(role, daemon.pid)
            script = self.cluster.dir / "out" / "noop.sh"
            script.write_text(SCRIPT)
            script.chmod(0o755)
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        self.cluster.stop(cancel=False)
        self.meter.__exit__()

    def daemons(self):
        c = self.cluster
        named = {"munged": c.munged, "slurmdbd": c.dbd, "mariadbd": getattr(c, "sql", None), "slurmctld": c.ctld,
                 "slurmd": c.nodes.get("n1")}
        return {role: daemon for role, daemon in named.items() if daemon}

    def submit(self, clients, jobs, *flags):
        return bench(*self.submitter(), "-c", clients, "-n", jobs, "-d", self.cluster.dir / "out", *flags,
                     env=self.cluster.env)

    def sbatch(self, clients, jobs):
        return bench("spawn_bench", "-e", "-c", clients, "-n", jobs, "sbatch", "-H", "-t", "10", "-o", "/dev/null",
                     self.cluster.dir / "out" / "noop.sh", env=self.cluster.env)

    def ctld_kib(self):
        return anonymous_kib(self.cluster.ctld.pid)

    def ids(self, *squeue):
        return self.cluster.out("squeue", "-h", "-o", "%i", *squeue, timeout=300).split()

    def count(self, *squeue):
        return len(self.ids(*squeue))


class Ours(Side):
    def __init__(self):
        super().__init__("Sluice", Cluster(build=BUILD, conf="MaxJobCount=300000\nMinJobAge=10\nSlurmctldDebug=error\nSlurmdDebug=error\n", **NODE))

    def submitter(self):
        return "submit_bench", "-p", self.cluster.ctld_port, "-m", self.cluster.munge_socket


class Theirs(Side):
    def __init__(self):
        super().__init__("Slurm 22.05", Debian(**NODE))

    def submitter(self):
        return ("slurm_submit_bench",)


def build_programs():
    """Builds what the drivers need; returns whether Debian's API driver is among it."""
    wanted = ["spawn_bench", "submit_bench"]
    api = os.path.exists("/usr/include/slurm/slurm.h")
    subprocess.run(["ninja", "-C", BUILD, "--quiet", *wanted, *(["slurm_submit_bench"] if api else [])], check=True)
    return api
