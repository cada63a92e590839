#!/usr/bin/env python3
"""The same jobs and the same questions to Debian's Slurm and to ours; prints what differs.

    against_debian.py [BUILD]                                       starts both clusters itself, and ends them
    against_debian.py OUR_BIN OUR_SLURM_CONF DEBIAN_SLURM_CONF      both run already (contracts/testbed.md (e)),
        freshly started, with the nodes and partitions below.  Job ids must begin at 1 in both.
"""
import difflib
import os
import pathlib
import re
import shlex
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "tools"), str(ROOT / "tests" / "perf")]

NODES = ["n1", "n2", "n3", "n4", "m1", "m2"]
PARTITIONS = ("PartitionName=debug Nodes=n[1-4] Default=YES MaxTime=INFINITE State=UP\n"
              "PartitionName=long Nodes=n[3-4],m[1-2] MaxTime=INFINITE State=UP\n"
              "PartitionName=hid Nodes=m[1-2] Hidden=YES MaxTime=INFINITE State=UP\n")
JOBS = [
    "-J short -n2 -t 10",
    "-J array -a 0-9%2 -p debug --mem 100",
    "-J held -H -p hid",
    "-J later -p long -c 2 --begin=now+1hour --comment='hi there'",
    "-J wide -N2 -n4 -d afterok:1 -t 1-2",
    "-J asked -H -w n1 -x n2 --mem-per-cpu=100 --nice=5 -t 5 --mail-user=joe --mail-type=END,FAIL",
    "-J paths -H -o o-%j-%x.out -e /tmp/e%A.err",
]
ASKED = """
squeue
squeue -a
squeue -al
squeue -s
squeue -h -o "%i %t" -t all
squeue -r -j 2
squeue -j 2_0,2_5 -h
squeue -j 999
squeue -j 999,998
squeue -j abc
squeue -u nosuch
squeue -t foo
squeue -w n1 -h -o %i
squeue -w n99
squeue -p nosuch
squeue -S x
squeue -O jobid:8.,name:.8|,name:|;,state -j1
squeue -o "%.3i|%3j|%0j|%i%%|x" -j1
squeue -h -o %l|%L|%m|%c|%C|%D|%f|%h|%k|%K|%F|%N|%o|%O|%p|%P|%q|%Q|%r|%R|%T|%U|%v|%x|%y|%z|%Z
squeue foo
sinfo
sinfo -N
sinfo -N -l
sinfo -s
sinfo -l
sinfo -R
sinfo -p hid
sinfo -p nosuch
sinfo -t idle
sinfo -t foo
sinfo -d
sinfo -r -h
sinfo -n n1,m1
sinfo -n nosuch -h
sinfo -e -o "%P %c %D %N"
sinfo -o "%c %m"
sinfo -aho %F/%C
sinfo -a -o "%P %G %l %p %c %m"
sinfo -h -N -o %R -n n3
sinfo -ho RS%cUS%nUS%f
scontrol show job 1
scontrol -d show job 2_0
scontrol show job 2_7
scontrol show job 2_99
scontrol -o show job 4
scontrol show job 6
scontrol show job 7
scontrol show job abc
scontrol show job 999
scontrol show part
scontrol -o show part long
scontrol show part nosuch
scontrol show node n1
scontrol show node n4
scontrol show node n99
scontrol show hostnames n[1-3,5],m2
scontrol show hostlist n1,n3,n2
scontrol show licenses
scontrol ping
scontrol hold 999
scontrol release 6
scontrol hold 6
scontrol uhold 6
scontrol show foo
scontrol foo
scontrol update foo=1
scontrol update jobid=3 foo=1
scontrol update jobid=999 comment=x
scontrol update nodename=n1 state=foo
scontrol update nodename=n1 state=drain
scontrol update nodename=n99 state=idle
scontrol errnumstr 2017
scontrol write batch_script 1 -
sacct -j 999
sacct -o foo
sacct -u nosuch
sacct -g nosuch
sacct -s foo
sacct -j abc
sacct foo
sacct -S xx
sacct -i x
sacct -k x
sacct --units=Z
sacct -c
sacct -B -j 1
sacct -o allocgres
sacct -X -P -j 1 -o jobid,jobidraw,jobname,partition,ncpus,nnodes,alloctres,reqtres,reqmem,timelimit,state,exitcode
sacct -j 1 -X -o jobid%-5,state%20,jobname%3,timelimitraw
sacct -b -j 1 -X
scancel
scancel abc
scancel 5x
scancel 0
scancel -t foo
scancel -s foo 1
scancel -u nosuch
scancel -u nobody
scancel -n nosuch
scancel 2_[7-8]
scancel 9
scancel 9
scancel -Q 999
""".strip().splitlines()
SAME = [  # what may differ: times, session ids, loads, names of the machine
    (r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d", "TIME"),
    (r"(Mon|Tue|Wed|Thu|Fri|Sat|Sun) .* \d{4}\n", "DATE\n"),
    (r" +(\d+:)?\d+:\d\d(?= )", " ELAPSED"),
    (r"RunTime=\S+", "RunTime=R"),
    (r"\|(\d+-)?(\d+:)?\d+:\d\d\|", "|L|"),
    (r"AllocNode:Sid=\S+", "AllocNode:Sid=S"),
    (r"(CPULoad|FreeMem|Version|Port)=\S*", r"\1=X"),
]


def ask(command, conf, path):
    env = {"PATH": path, "SLURM_CONF": str(conf), "SLURM_HINTS": "0"}
    done = subprocess.run(shlex.split(command), env=env, capture_output=True, text=True, timeout=30)
    text = done.stdout + done.stderr + f"exit {done.returncode}\n"
    for pattern, by in SAME:
        text = re.sub(pattern, by, text)
    return text


def compare(our_bin, our_conf, their_conf):
    sides = [(their_conf, "/usr/bin:/bin"), (our_conf, os.path.abspath(our_bin) + ":/usr/bin:/bin")]
    differ = 0
    with tempfile.TemporaryDirectory() as work:
        os.chdir(work)
        with open("job.sh", "w") as script:
            script.write("#!/bin/sh\nsleep 60\n")
        for options in JOBS:
            for conf, path in sides:
                ask(f"sbatch {options} job.sh", conf, path)
            time.sleep(0.2)
        time.sleep(3)
        for command in ASKED:
            theirs, ours = (ask(command, conf, path) for conf, path in sides)
            if theirs != ours:
                differ += 1
                print(f"==== {command}")
                sys.stdout.writelines(line + "\n" for line in difflib.unified_diff(
                    theirs.splitlines(), ours.splitlines(), "debian", "ours", "", "", 0))
    print(f"{differ} of {len(ASKED)} commands differ")
    return differ > 0


def cluster_of(kind, **more):
    made = kind(nodes=len(NODES), partitions=PARTITIONS, **more)
    made.node_names = NODES
    return made


def main(build=os.environ.get("SLUICE_BUILD", ROOT / "build")):
    """Both clusters, then the questions."""
    import debian
    from cluster import Cluster
    if debian.missing():
        sys.exit(f"not installed: {debian.missing()}")
    debian.FAST = debian.FAST.replace("MinJobAge=10\n", "MinJobAge=300\n")
    with cluster_of(Cluster, build=pathlib.Path(build).resolve(), conf="MinJobAge=300\n") as ours, \
            cluster_of(debian.Debian) as theirs:
        return compare(ours.build, ours.dir / "slurm.conf", theirs.dir / "slurm.conf")


sys.exit(compare(*sys.argv[1:]) if len(sys.argv) == 4 else main(*sys.argv[1:]))
