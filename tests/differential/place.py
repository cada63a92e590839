#!/usr/bin/env python3
"""The same submissions to Debian's Slurm and to ours: what is accepted, what is asked, and where it starts.

    place.py [--jobs 500] [--started 200] [--seed 1] [--build BUILD]

Every submission is drawn by the seed and sent to both clusters held: both must take it, with the same NumNodes, NumCPUs
and TRES, or both must refuse it.  Then some are started one at a time on the empty clusters: where the choice is
determined they must get the same nodes and the same number of CPUs on each.  Differences that are meant are recognised
and counted by their name; docs/differences.md explains them.  Exit status 1: others were found."""
import argparse
import collections
import os
import pathlib
import random
import re
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "tools"), str(ROOT / "tests" / "perf")]
import debian  # noqa: E402
from cluster import Cluster, wait_for  # noqa: E402

NODES = {
    "n1": "CPUs=16 Sockets=2 CoresPerSocket=4 ThreadsPerCore=2 RealMemory=8000 Feature=red,big Gres=gpu:a100:4 Weight=10",
    "n2": "CPUs=16 Sockets=2 CoresPerSocket=4 ThreadsPerCore=2 RealMemory=8000 Feature=red Gres=gpu:a100:2,gpu:v100:2,nic:2 "
          "Weight=10",
    "n3": "CPUs=8 Sockets=2 CoresPerSocket=4 RealMemory=4000 Feature=blue",
    "n4": "CPUs=8 Sockets=2 CoresPerSocket=4 RealMemory=4000 Feature=blue,big",
    "n5": "CPUs=8 Sockets=1 CoresPerSocket=8 RealMemory=2000 Feature=green Gres=lustre:1000",
    "n6": "CPUs=8 Sockets=1 CoresPerSocket=8 RealMemory=2000 Feature=green",
}
GRES = """NodeName=n1 Name=gpu Type=a100 File={dev}/gpu[0-3]
NodeName=n2 Name=gpu Type=a100 File={dev}/gpu[0-1]
NodeName=n2 Name=gpu Type=v100 File={dev}/gpu[2-3]
NodeName=n2 Name=nic Count=2
NodeName=n5 Name=lustre Count=1000 Flags=CountOnly
"""
PARTITIONS = ("PartitionName=main Nodes=ALL Default=YES MaxTime=INFINITE State=UP\n"
              "PartitionName=small Nodes=n[3-6] MaxNodes=2 State=UP\n"
              "PartitionName=whole Nodes=n[3-6] OverSubscribe=EXCLUSIVE State=UP\n"
              "PartitionName=cap Nodes=n[3-6] MaxCPUsPerNode=4 State=UP\n")
CONF = ("GresTypes=gpu,nic,lustre\nAccountingStorageTRES=gres/gpu\nLicenses=matlab:4,ansys:2\nMaxJobCount=10000\n"
        "MinJobAge=2\n")

# What is drawn: each line is one place of the command line; "" means the option is left out.
OPTIONS = [
    [""] * 2 + [f"-n{n}" for n in (1, 2, 3, 4, 5, 8, 9, 12, 16, 20, 40, 70)],
    [""] * 5 + ["-N1", "-N2", "-N3", "-N4", "-N7", "-N1-2", "-N2-3", "-N2-4", "-N3-9"],
    [""] * 5 + [f"-c{n}" for n in (1, 2, 3, 4, 8, 9, 17)],
    [""] * 8 + [f"--ntasks-per-node={n}" for n in (1, 2, 3, 8)],
    [""] * 20 + ["--ntasks-per-core=1", "--ntasks-per-socket=1", "--ntasks-per-socket=2", "--threads-per-core=1"],
    [""] * 8 + ["--mem=100", "--mem=1500", "--mem=3000", "--mem=5000", "--mem=0", "--mem-per-cpu=50", "--mem-per-cpu=400",
                "--mem-per-cpu=900", "--mem=9000"],
    [""] * 10 + ["-C red", "-C blue", "-C green", "-C big", "-C red&big", "-C red|blue", "-C (red|blue)&big", "-C nosuch",
                 "-C red&blue", "-C [red|blue]", "-C [red|blue|green]", "-C red*1", "-C [red*1&blue*1]", "--prefer=green",
                 "--prefer=big", "-C red&", "-C [blue*2]"],
    [""] * 12 + ["--gres=gpu:1", "--gres=gpu:2", "--gres=gpu:a100:3", "--gres=gpu:v100:1", "--gpus=1", "--gpus=3",
                 "--gpus=6", "--gpus-per-node=2", "--gpus-per-task=1", "--gres=nic:1", "--gres=lustre:600", "--gres=gpu:5",
                 "--gres=tpu:1", "--gpus=2 --ntasks-per-gpu=2", "--gpus=4 --gpus-per-node=2", "--gpus=2 --cpus-per-gpu=3",
                 "--gpus=2 --mem-per-gpu=300", "--gpus-per-node=1 --cpus-per-gpu=2"],
    [""] * 20 + ["-w n3", "-w n3,n4", "-w n1", "-w n9", "-x n3", "-x n[3-4]", "-w n2 -x n2"],
    [""] * 8 + ["-p small", "-p whole", "-p cap", "-p nosuch", "-p small,main"],
    [""] * 14 + ["--exclusive", "-O", "--mincpus=4", "--mincpus=9", "--contiguous", "--use-min-nodes", "-s",
                 "--sockets-per-node=2", "--cores-per-socket=8", "--tmp=1"],
    [""] * 14 + ["-L matlab:1", "-L matlab:4,ansys", "-L matlab:5", "-L maple"],
]


def draw(rng):
    """One command line, of few options each time."""
    rows = [rng.choice(row) for row in OPTIONS]
    keep = set(rng.sample(range(len(rows)), rng.randint(1, 5)))
    return " ".join(word for i, word in enumerate(rows) if word and i in keep).split()


class Side:
    """Configuration that both clusters share."""

    def conf_text(self, user):
        lines = []
        for line in super().conf_text(user).splitlines():
            words = dict(w.split("=", 1) for w in line.split() if "=" in w)
            if line.startswith("NodeName="):
                line = (f"NodeName={words['NodeName']} NodeHostname=localhost NodeAddr=127.0.0.1 Port={words['Port']} "
                        + NODES[words["NodeName"]])
            if line.startswith("SelectTypeParameters="):
                line = "SelectTypeParameters=CR_Core_Memory"
            lines.append(line)
        return "\n".join(lines) + "\n"

    def write_files(self):
        self.env["SLURM_HINTS"] = "0"
        super().write_files()
        dev = self.dir / "dev"
        dev.mkdir()
        for i in range(4):
            os.mknod(dev / f"gpu{i}", 0o20666, os.makedev(1, 3))
        (self.dir / "gres.conf").write_text(GRES.format(dev=dev))
        self.script = self.dir / "job.sh"
        self.script.write_text("#!/bin/sh\nsleep 600\n")

    def submit(self, options, *more):
        """The id, or the refusal in words."""
        done = self.run("sbatch", "--parsable", "-o", "/dev/null", *more, *options, self.script, check=False)
        if done.returncode == 0:
            return int(done.stdout.split(";")[0]), ""
        words = [line.split("failed: ")[-1].split("error: ")[-1] for line in done.stderr.splitlines()]
        return 0, next((w for w in reversed(words) if w), "")

    def fields(self, job):
        text = self.out("scontrol", "-d", "show", "job", str(job))
        return dict(re.findall(r"(\S+?)=(\S*)", text)), re.findall(r"Nodes=(\S+) CPU_IDs=(\S+)", text)

    def expand(self, nodes):
        return self.out("scontrol", "show", "hostnames", nodes).split()


class Ours(Side, Cluster):
    """Ours."""


class Theirs(Side, debian.Debian):
    """Debian's."""


def is_possible(theirs, options):
    """Whether Debian, which takes any held job, would start it if it were not held."""
    job, _ = theirs.submit(options)
    if not job:
        return False
    started = wait_for(lambda: theirs.out("squeue", "-h", "-j", job, "-o", "%t").strip() == "R", 3, 0.1)
    theirs.run("scancel", str(job))
    wait_for(lambda: is_empty(theirs), 20, 0.1)
    return bool(started)


ASKED = ["NumNodes", "NumCPUs", "TRES"]


def asked(side, job):
    fields, _ = side.fields(job)
    return {key: fields.get(key) for key in ASKED}


def compare_held(ours, theirs, jobs):
    """Both hold every job; returns those that both took, and the differences."""
    found = []
    taken = []
    for options in jobs:
        (their_id, their_words), (our_id, our_words) = theirs.submit(options, "-H"), ours.submit(options, "-H")
        if bool(their_id) != bool(our_id):
            kind = ""
            if not kind and their_id and not is_possible(theirs, options):
                kind = "impossible is refused at once"
            found.append((kind, options, their_words or "accepted", our_words or "accepted"))
        elif their_id:
            a, b = asked(theirs, their_id), asked(ours, our_id)
            if a != b:
                found.append(("", options, a, b))
            taken.append(options)
        for side, job in ((theirs, their_id), (ours, our_id)):
            if job:
                side.run("scancel", str(job))
    return taken, found



def start(side, options):
    job, words = side.submit(options)
    if not job:
        return words
    wait_for(lambda: side.out("squeue", "-h", "-j", job, "-o", "%t").strip() in ("R", ""), 3, 0.05)
    _, parts = side.fields(job)
    got = {}
    for nodes, ids in parts:
        count = sum(int(b or a) - int(a) + 1 for a, b in re.findall(r"(\d+)(?:-(\d+))?", ids))
        got.update({node: count for node in side.expand(nodes)})
    side.run("scancel", str(job))
    return got or side.out("squeue", "-h", "-j", job, "-o", "%r").strip()


def is_empty(side):
    return not side.out("squeue", "-h", "-t", "all", "-o", "%t").replace("CA", "").strip() and \
        "comp" not in side.out("sinfo", "-h", "-o", "%t")


def compare_started(ours, theirs, jobs):
    found = []
    for options in jobs:
        a, b = start(theirs, options), start(ours, options)
        if a != b:
            found.append(("", options, a, b))
        wait_for(lambda: is_empty(theirs) and is_empty(ours), 20, 0.1)
    return found


def report(title, total, found):
    kinds = collections.Counter(kind for kind, *_ in found if kind)
    bad = [row for row in found if not row[0]]
    print(f"{title}: {total} compared, {len(bad)} differ" + "".join(f"; {n} {kind}" for kind, n in kinds.items()))
    for _, options, a, b in bad:
        print(f"  {' '.join(options)}\n    debian: {a}\n    ours:   {b}")
    return len(bad)


def main():
    parse = argparse.ArgumentParser()
    parse.add_argument("--jobs", type=int, default=500)
    parse.add_argument("--started", type=int, default=200)
    parse.add_argument("--seed", type=int, default=1)
    parse.add_argument("--build", default=os.environ.get("SLUICE_BUILD", ROOT / "build"))
    args = parse.parse_args()
    if debian.missing():
        sys.exit(f"not installed: {debian.missing()}")
    rng = random.Random(args.seed)
    jobs = [draw(rng) for _ in range(args.jobs)]
    debian.FAST = "SlurmctldDebug=error\nSlurmdDebug=error\n"
    more = {"nodes": len(NODES), "partitions": PARTITIONS, "conf": CONF}
    with Ours(build=pathlib.Path(args.build).resolve(), dbd=False, **more) as ours, Theirs(**more) as theirs:
        wait_for(lambda: theirs.out("sinfo", "-h", "-o", "%t").split() == ["idle"] * 4 or True, 5)
        time.sleep(2)
        taken, found = compare_held(ours, theirs, jobs)
        bad = report("held", len(jobs), found)
        started = taken[:args.started]
        bad += report("started", len(started), compare_started(ours, theirs, started))
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
