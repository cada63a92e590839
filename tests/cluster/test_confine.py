"""A job stays inside of what it was given, is measured as a whole, and leaves nothing behind: under the cgroups of this
machine, whichever version they are.  The same under cgroup v2: tests/cluster/test_uml.py."""
import os
import pathlib
import re
import time

import pytest
from cluster import Cluster, wait_for

MOUNT = pathlib.Path("/sys/fs/cgroup")
CONF = ("ProctrackType=proctrack/cgroup\nTaskPlugin=task/cgroup,task/affinity\n"
        "JobAcctGatherType=jobacct_gather/cgroup\nJobAcctGatherFrequency=task=1\n")
PIDS = 200 if os.cpu_count() > 1 else 30
CGROUP = ("ConstrainCores=yes\nConstrainRAMSpace=yes\nConstrainSwapSpace=yes\nConstrainDevices=yes\n"
          f"MaxPidsPerStep={PIDS}\n")


def eat(mb, then=""):
    """A command that holds so much memory."""
    return f"perl -e '$x = \"x\"; vec($x, {mb} << 20, 8) = 1; {then}'"


pytestmark = pytest.mark.skipif(os.geteuid() != 0 or not os.access(MOUNT, os.W_OK), reason="needs root and cgroups")


def groups(c):
    """Every group of the node of this cluster: its name has a number that no other slurmd of this machine has."""
    host = c.dir / "spool" / "n1" / "host"
    if not hasattr(c, "suffix"):
        c.suffix = re.search(rb"_n1_[0-9a-f]{8}", host.read_bytes())[0].decode()
    return [p for base in (MOUNT, *MOUNT.glob("*"), *MOUNT.glob("*/*")) if base.is_dir() for p in base.glob(f"slurm*{c.suffix}*")]


@pytest.fixture(scope="module")
def confined():
    c = Cluster(nodes=1, cpus=os.cpu_count(), memory=1500, conf=CONF)
    (c.dir / "cgroup.conf").write_text(CGROUP)
    with c:
        assert groups(c)
        yield c
    assert not groups(c), "groups were left"


def job_groups(c):
    try:
        return [p for base in groups(c) for p in base.rglob("job_*")]
    except FileNotFoundError:
        return ["some that go while we look"]


def run(c, script, *options, want="COMPLETED"):
    job = c.sbatch(*options, script="#!/bin/bash\n" + script)
    assert c.wait_state(job) == want, c.logs()
    out = c.dir / "out" / f"slurm-{job}.out"
    return job, out.read_text()


def test_cores(confined):
    if os.cpu_count() < 2:
        pytest.skip("one CPU")
    _, out = run(confined, "grep Cpus_allowed_list /proc/self/status\n"
                           "taskset -pc 0-63 $$ >/dev/null 2>&1\ngrep Cpus_allowed_list /proc/self/status\n", "-n1")
    lists = [line.split()[1] for line in out.splitlines() if line.startswith("Cpus_allowed_list")]
    assert len(lists) == 2 and lists[0] == lists[1] and lists[0].isdigit()


def test_memory_within(confined):
    job, out = run(confined, eat(60, "print \"held\";"), "--mem=200")
    assert "held" in out


def test_out_of_memory(confined):
    job, out = run(confined, eat(300), "--mem=100", want="OUT_OF_MEMORY")
    assert f"Detected 1 oom_kill event in StepId={job}.batch. Some of the step tasks have been OOM Killed." in out
    assert "Memory limit 100M, peak 100M" in out or "Memory limit 100M, peak 99M" in out
    assert "Reason=OutOfMemory" in confined.out("scontrol", "show", "job", job)


def test_usage_is_of_the_whole_step(confined):
    """Two processes at once, each 60 MB: the step used 120."""
    job, _ = run(confined, "for i in 1 2; do\n" + eat(60, "sleep 2; while ((times)[0] < 0.3) {}") + " &\ndone\nwait\n",
                 "--mem=400", "-n1")
    row = lambda: confined.out("sacct", "-n", "-P", "-j", f"{job}.batch", "-o", "MaxRSS,TotalCPU,UserCPU").strip()
    text = wait_for(lambda: row() and row().split("|")[0] and row(), 10, 0.2) or row()
    rss, cpu, _ = text.split("|")
    assert 110_000 < int(rss.rstrip("K")) < 300_000, text
    assert float(cpu.split(":")[-1]) >= 0.35, text


def test_devices_of_the_machine_stay(confined):
    _, out = run(confined, "head -c 4 /dev/zero | wc -c; echo x > /dev/null && echo ok")
    assert out.split() == ["4", "ok"]


def test_fork_bomb_is_held_and_ends(confined):
    """A bomb that ignores SIGTERM, forks for ever and leaves its session."""
    bomb = ('use POSIX; $SIG{TERM} = $SIG{CHLD} = "IGNORE"; $0 = "bomb$ENV{SLURM_JOB_ID}"; '
            'while (1) { my $p = fork; setsid if defined $p && $p == 0; select undef, undef, undef, 0.01 }')
    job = confined.sbatch("-o", "/dev/null", script=f"#!/bin/bash\nexec perl -e '{bomb}'\n")
    confined.wait_state(job, "RUNNING")
    name = f"bomb{job}"
    alive = lambda: sum(comm(p) == name for p in pathlib.Path("/proc").glob("[0-9]*"))
    assert wait_for(lambda: alive() >= PIDS * 3 // 4, 20), alive()
    time.sleep(0.2)
    assert alive() <= PIDS
    confined.run("scancel", job)
    confined.wait_state(job)
    assert wait_for(lambda: not confined.out("squeue", "-h", "-j", job, "-t", "CG"), 20)
    assert wait_for(lambda: alive() == 0, 5), alive()
    assert wait_for(lambda: not job_groups(confined), 5), job_groups(confined)


def comm(proc):
    try:
        return (proc / "comm").read_text().strip()
    except OSError:
        return ""


@pytest.mark.parametrize("tail", ["setsid sleep 1000 &", "(setsid bash -c 'trap \"\" TERM; while :; do sleep 1000; done' &) &",
                                  "nohup bash -c 'exec -a hidden env -i /bin/sleep 1000' >/dev/null 2>&1 &"])
def test_nothing_is_left(confined, tail):
    job, out = run(confined, tail + "\nsleep 0.2; echo done\n")
    assert "done" in out
    assert wait_for(lambda: not job_groups(confined), 5), job_groups(confined)


def test_slurmstepd_killed(confined):
    """What its keeper leaves, slurmd clears away, even without the environment by which it could be found."""
    job = confined.sbatch(script="#!/bin/bash\nenv -i setsid bash -c 'exec -a lost /bin/sleep 1000' &\nsleep 1000\n")
    confined.wait_state(job, "RUNNING")
    inside = lambda: [int(pid) for p in job_groups(confined) if p != "some that go while we look" for f in p.rglob("cgroup.procs") for pid in f.read_text().split()]
    assert wait_for(lambda: len(set(inside())) >= 3, 10)
    pids = set(inside())
    keeper = [p for p in pathlib.Path("/proc").glob("[0-9]*") if cmdline(p).startswith(f"slurmstepd: [{job}.")]
    os.kill(int(keeper[0].name), 9)
    assert wait_for(lambda: not any(pathlib.Path(f"/proc/{pid}/cwd").exists() for pid in pids), 10)
    assert wait_for(lambda: not job_groups(confined), 5), job_groups(confined)
    confined.run("scancel", job, check=False)


def cmdline(proc):
    try:
        return (proc / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
    except OSError:
        return ""


def test_out_of_memory_is_always_told(confined):
    """50 of 50, whether the script itself goes or a child of it (5 where a page fault costs as much as here a job)."""
    times = 50 if os.cpu_count() > 1 else 5
    big = eat(100)
    ways = [big, f"{big}\nexit 0", f"{big} &\nwait; exit 3", f"exec {big}", f"setsid {big}; true"]
    cases = "".join(f"{i})\n{way}\n;;\n" for i, way in enumerate(ways))
    job = confined.sbatch("--mem=40", "-o", "/dev/null", f"--array=1-{times}",
                          script=f"#!/bin/bash\ncase $((SLURM_ARRAY_TASK_ID % 5)) in\n{cases}esac\n")
    states = lambda: confined.out("squeue", "-h", "-r", "-t", "all", "-j", job, "-o", "%T").split()
    assert wait_for(lambda: not {"PENDING", "RUNNING", "COMPLETING"} & set(states()), 120, 0.5), states()
    assert states() == ["OUT_OF_MEMORY"] * times


def srun(c, *argv, **more):
    done = c.run("srun", *argv, **more)
    return done.stdout + done.stderr


def test_a_step_has_the_cores_of_its_tasks(confined):
    if os.cpu_count() < 2:
        pytest.skip("one CPU")
    out = srun(confined, "-n2", "--label", "--cpu-bind=verbose,cores", "grep", "Cpus_allowed_list", "/proc/self/status")
    lists = sorted(line.split()[-1] for line in out.splitlines() if "Cpus_allowed_list" in line)
    assert lists == ["0", "1"], out
    assert out.count("cpu-bind=MASK - n1, task") == 2 and "mask 0x1 set" in out and "mask 0x2 set" in out, out


def test_a_step_is_killed_for_its_memory(confined):
    done = confined.run("srun", "-n1", "--mem=60", "perl", "-e", "$x = \"x\"; vec($x, 200 << 20, 8) = 1;", check=False)
    assert done.returncode != 0
    assert "task 0: Out Of Memory" in done.stderr
    assert "Detected 1 oom_kill event in StepId=" in done.stderr and ".0. Some of the step tasks have been OOM Killed." in done.stderr, done.stderr
