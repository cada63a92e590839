#!/usr/bin/python3
"""make demo: a complete cluster on loopback, the job scripts of examples/, and what they look like in squeue, scontrol
and sacct.  KEEP=1 leaves the cluster up and prints the lines to use it and to stop it."""
import os
import pathlib
import signal
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
from cluster import ROOT, Cluster, wait_for  # noqa: E402

EXAMPLES = ROOT / "examples"
BOLD, PLAIN = ("\033[1m", "\033[0m") if sys.stdout.isatty() else ("", "")

# What the archive must say in the end: job name -> (number of rows, State, ExitCode).
EXPECTED = {
    "hello": (1, "COMPLETED", "0:0"),
    "array": (20, "COMPLETED", "0:0"),
    "prepare": (1, "COMPLETED", "0:0"),
    "reduce": (1, "COMPLETED", "0:0"),
    "two-nodes": (1, "COMPLETED", "0:0"),
    "fail": (1, "FAILED", "3:0"),
    "too-long": (1, "TIMEOUT", "0:0"),
    "endless": (1, f"CANCELLED by {os.geteuid()}", "0:0"),
}


def show(cluster, *argv):
    """A command as a person would type it, and its answer."""
    print(f"\n{BOLD}$ {' '.join(map(str, argv))}{PLAIN}")
    done = cluster.run(*argv, check=False)
    print((done.stdout + done.stderr).rstrip(), flush=True)


def submit(cluster, script, *options):
    path = EXAMPLES / script
    print(f"{BOLD}$ sbatch {' '.join(options)}{' ' if options else ''}examples/{script}{PLAIN}")
    done = cluster.run("sbatch", *options, path)
    print(done.stdout.rstrip(), flush=True)
    return done.stdout.split()[-1]


def run_jobs(cluster):
    jobs = {"too-long": submit(cluster, "too-long.sh"), "endless": submit(cluster, "endless.sh")}
    jobs["hello"] = submit(cluster, "hello.sh")
    jobs["array"] = submit(cluster, "array.sh")
    jobs["prepare"] = submit(cluster, "prepare.sh")
    jobs["reduce"] = submit(cluster, "reduce.sh", f"--dependency=afterok:{jobs['prepare']}")
    jobs["two-nodes"] = submit(cluster, "two-nodes.sh")
    jobs["fail"] = submit(cluster, "fail.sh")
    show(cluster, "squeue")
    wait_for(lambda: cluster.state(jobs["too-long"]) == "RUNNING" and cluster.state(jobs["endless"]) == "RUNNING")
    show(cluster, "scontrol", "show", "job", jobs["too-long"])
    show(cluster, "scontrol", "update", f"JobId={jobs['too-long']}", "EndTime=now+2")
    show(cluster, "scancel", jobs["endless"])
    show(cluster, "squeue")
    if not wait_for(lambda: not cluster.out("squeue", "-h"), 45, 0.1):
        print(cluster.out("squeue"), cluster.logs(), file=sys.stderr)
        sys.exit("demo: the queue did not drain")
    return jobs


def archive_is_right(cluster):
    """Compares sacct with EXPECTED; events may take a moment to arrive."""
    def wrong():
        rows = [line.split("|") for line in
                cluster.out("sacct", "-X", "-n", "-P", "-o", "JobName,State,ExitCode").splitlines()]
        return [f"{name}: {want[0]} x {want[1:]} expected, {[r for r in rows if r[0] == name]} found"
                for name, want in EXPECTED.items()
                if [r[1:] for r in rows if r[0] == name] != [list(want[1:])] * want[0]]
    wait_for(lambda: not wrong(), 10, 0.1)
    return wrong()


def keep(cluster):
    pids = [d.pid for d in [*cluster.nodes.values(), cluster.ctld, cluster.dbd, cluster.munged]]
    stop = cluster.dir / "stop"
    stop.write_text("#!/bin/sh\n# Stops the demo cluster and removes it.\n"
                    f"kill {' '.join(map(str, pids))}\nsleep 2\nrm -rf {cluster.dir}\n")
    stop.chmod(0o755)
    print(f"\nThe cluster stays up.  To use it:\n\n    export SLURM_CONF={cluster.env['SLURM_CONF']}\n"
          f"    export PATH={cluster.build}:$PATH\n\nTo stop it:\n\n    {stop}\n")


def main():
    started = time.monotonic()
    cluster = Cluster(nodes=4)
    kept = False
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    try:
        cluster.start()
        print(f"A cluster of four nodes is up in {cluster.dir} after {time.monotonic() - started:.1f} s.")
        show(cluster, "sinfo")
        show(cluster, "srun", "-N4", "-n8", "-l", "printenv", "SLURMD_NODENAME")
        run_jobs(cluster)
        mistakes = archive_is_right(cluster)
        show(cluster, "sacct")
        show(cluster, "sinfo", "-N", "-l")
        print(f"\n{BOLD}$ cat two-nodes' output{PLAIN}")
        for path in sorted((cluster.dir / "out").glob("slurm-*.out")):
            text = path.read_text()
            if "nodes:" in text or "Hello" in text:
                print(f"{path.name}: {text.rstrip()}")
        if mistakes:
            sys.exit("demo: the archive is wrong:\n  " + "\n  ".join(mistakes))
        print(f"\nAll seven kinds of jobs ended as they should, {time.monotonic() - started:.1f} s after the start.")
        if os.environ.get("KEEP") == "1":
            keep(cluster)
            kept = True
    finally:
        if not kept:
            cluster.stop()


if __name__ == "__main__":
    main()
