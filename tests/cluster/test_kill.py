"""kill -9 of every daemon: nothing acknowledged is lost, nothing runs twice, running jobs do not notice.
SLUICE_KILLS sets how many rounds (50 in the suite, 200 nightly)."""
import os
import random
import subprocess
import threading
import time

from cluster import Cluster, wait_for

ROUNDS = int(os.environ.get("SLUICE_KILLS", "50"))


class Submitter(threading.Thread):
    """Submits one job after the other; remembers every id that was acknowledged, by the name of its job."""

    def __init__(self, cluster, number):
        super().__init__(daemon=True)
        self.cluster, self.number, self.ids, self.stopping = cluster, number, {}, False

    def run(self):
        n = 0
        while not self.stopping:
            name = f"s{self.number}_{n}"
            n += 1
            done = subprocess.run([self.cluster.build / "sbatch", "--parsable", "-J", name, "-o", "/dev/null", "-H",
                                   "--wrap", "true"], env=self.cluster.env, cwd=self.cluster.dir / "out",
                                  capture_output=True, text=True)
            if done.returncode == 0:
                self.ids[name] = int(done.stdout)


def test_controller_killed_while_four_submit():
    with Cluster(nodes=1, dbd=False, conf="MaxJobCount=200000\n") as c:
        runner = c.sbatch("-o", "runner.txt", script="#!/bin/sh\nfor i in $(seq 600); do echo $i; sleep 0.1; "
                                                     "[ -e stop ] && break; done; echo end\n")
        c.wait_state(runner, "RUNNING")
        submitters = [Submitter(c, i) for i in range(4)]
        for s in submitters:
            s.start()
        rng = random.Random(7)
        for _ in range(ROUNDS):
            time.sleep(rng.uniform(0.02, 0.4))
            c.ctld.kill()
            c.start_ctld()
        for s in submitters:
            s.stopping = True
        for s in submitters:
            s.join(60)
        known = {}
        for line in c.out("squeue", "-h", "-t", "all", "-o", "%i %j").splitlines():
            number, name = line.split()
            known.setdefault(int(number), name)
        acknowledged = {name: i for s in submitters for name, i in s.ids.items()}
        assert len(acknowledged) > ROUNDS
        lost = {n: i for n, i in acknowledged.items() if known.get(i) != n}
        assert not lost, f"{len(lost)} of {len(acknowledged)} acknowledged jobs lost or renamed: {sorted(lost.items())[:5]}"
        assert len(set(acknowledged.values())) == len(acknowledged), "an id was given out twice"
        names = list(known.values())
        twice = {n for n in names if names.count(n) > 1} if len(names) < 5000 else set()
        assert not twice, f"one submission made two jobs: {sorted(twice)[:5]}"
        (c.dir / "out" / "stop").touch()
        assert c.wait_state(runner) == "COMPLETED"
        assert (c.dir / "out" / "runner.txt").read_text().splitlines()[-1] == "end"
        print(f"{ROUNDS} kills, {len(acknowledged)} acknowledged, 0 lost, 0 reused")


def test_jobs_run_once_across_controller_kills():
    """Running work: every job appends one line to its file; after ten kills each has exactly one."""
    with Cluster(nodes=2, dbd=False) as c:
        rng = random.Random(11)
        jobs = [c.sbatch("-o", "/dev/null", script=f"#!/bin/sh\necho x >> run_{i}.txt; sleep 0.2\n") for i in range(40)]
        for _ in range(max(5, ROUNDS // 5)):
            time.sleep(rng.uniform(0.05, 0.5))
            c.ctld.kill()
            c.start_ctld()
        for job in jobs:
            assert c.wait_state(job, seconds=90) == "COMPLETED"
        counts = [(c.dir / "out" / f"run_{i}.txt").read_text() for i in range(40)]
        assert counts == ["x\n"] * 40


def test_slurmd_killed_with_sixteen_steps_alive():
    with Cluster(nodes=1, cpus=16, dbd=False) as c:
        for round_ in range(max(2, ROUNDS * 2 // 5)):
            jobs = {i: c.sbatch("-o", f"o_{round_}_{i}.txt", "-n1", "--mem=10",
                                script=f"#!/bin/sh\nfor k in 1 2 3; do echo {i} $k; sleep 0.2; done; exit {i}\n")
                    for i in range(16)}
            for job in jobs.values():
                assert wait_for(lambda: c.state(job) != "PENDING", 30, 0.02)
            c.nodes["n1"].kill()
            c.start_node("n1")
            for i, job in jobs.items():
                c.wait_state(job)
                assert f"ExitCode={i}:0" in c.out("scontrol", "show", "job", job)
                assert (c.dir / "out" / f"o_{round_}_{i}.txt").read_text() == f"{i} 1\n{i} 2\n{i} 3\n"


def test_slurmdbd_killed_under_load():
    """Every job is in the archive exactly once with its true end, however often slurmdbd dies."""
    with Cluster(nodes=1, cpus=16) as c:
        rng = random.Random(5)
        jobs = []
        for _ in range(max(4, ROUNDS * 2 // 5)):
            jobs += c.sbatch("-a", "1-40", "-o", "/dev/null", "--mem=10", script="#!/bin/sh\nexit $((SLURM_ARRAY_TASK_ID % 2))\n"),
            time.sleep(rng.uniform(0.05, 0.3))
            c.dbd.kill()
            c.start_dbd()
        assert wait_for(lambda: not c.out("squeue", "-h"), 300, 0.5)
        want = sorted(f"{j}_{t}|{'FAILED|1:0' if t % 2 else 'COMPLETED|0:0'}" for j in jobs for t in range(1, 41))
        def rows():
            return sorted(c.out("sacct", "-X", "-D", "-n", "-P", "-o", "JobID,State,ExitCode").splitlines())
        wait_for(lambda: rows() == want, 60, 0.5)
        assert rows() == want


def test_munged_away_commands_wait(cluster):
    """TCP needs munged; the local socket does not.  Either way a command that comes meanwhile ends well."""
    cluster.munged.kill()
    done = []
    t = threading.Thread(target=lambda: done.append(cluster.run("sbatch", "--wrap", "true", check=False)))
    t.start()
    time.sleep(1)
    cluster.start_munged()
    t.join(30)
    assert done and done[0].returncode == 0, done
