"""What commands show of the core's state, against what Debian's Slurm 22.05 shows for the same calls, and what becomes
of jobs at the edges of their lives: failed Prologs, deadlines, requeues after the end."""
import os

import pytest
from cluster import Cluster, wait_for

SLEEP = "#!/bin/sh\nsleep 60\n"
PARTS = ("PartitionName=main Nodes=ALL Default=YES MaxTime=INFINITE State=UP\n"
         "PartitionName=force Nodes=ALL OverSubscribe=FORCE:2 State=UP\n"
         "PartitionName=whole Nodes=ALL OverSubscribe=EXCLUSIVE State=UP\n"
         "PartitionName=node Nodes=ALL DefMemPerNode=300 State=UP\n")


@pytest.fixture(scope="module")
def two():
    """Two nodes, several partitions, DefMemPerCPU=100."""
    with Cluster(nodes=2, partitions=PARTS, dbd=False) as c:
        yield c


@pytest.fixture(autouse=True)
def empty(two):
    """Each test begins with an empty queue."""
    yield
    two.run("scancel", "-u", str(os.getuid()), check=False)
    assert wait_for(lambda: not two.out("squeue", "-h"), 30)


def field(c, job, key):
    """A value of scontrol show job."""
    words = c.out("scontrol", "show", "job", job).split()
    return next((w.split("=", 1)[1] for w in words if w.startswith(key + "=")), None)


def printed(c, *argv):
    """The Slurm variables of a batch script submitted so."""
    job = c.sbatch("-o", "env.%j", *argv, script="#!/bin/sh\nenv\n")
    assert c.wait_state(job) == "COMPLETED"
    return dict(line.split("=", 1) for line in (c.dir / "out" / f"env.{job}").read_text().splitlines()
                if line.startswith("SLURM_"))


def test_a_job_that_needs_a_drained_node_names_it(two):
    two.run("scontrol", "update", "nodename=n2", "state=drain", "reason=test")
    try:
        job = two.sbatch("-w", "n2", script=SLEEP)
        want = "ReqNodeNotAvail, UnavailableNodes:n2"
        assert wait_for(lambda: two.out("squeue", "-h", "-j", job, "-o", "%r").strip() == want, 5)
        assert two.out("squeue", "-h", "-j", job, "-o", "%R").strip() == f"({want})"
        assert field(two, job, "Reason") == want.replace(" ", "_")
        both = two.sbatch("-N2", script=SLEEP)
        assert wait_for(lambda: "UnavailableNodes:n2" in two.out("squeue", "-h", "-j", both, "-o", "%r"), 5)
    finally:
        two.run("scontrol", "update", "nodename=n2", "state=resume")


def test_defaults_of_memory_are_shown(two):
    job = two.sbatch("-H", "-n2", script=SLEEP)
    assert field(two, job, "MinMemoryCPU") == "100M" and field(two, job, "MinMemoryNode") is None
    assert "mem=200M" in field(two, job, "TRES")
    other = two.sbatch("-H", "-p", "node", script=SLEEP)
    assert field(two, other, "MinMemoryNode") == "300M" and field(two, other, "TRES") == "cpu=1,mem=300M,node=1,billing=1"
    assert two.out("squeue", "-h", "-j", other, "-o", "%m").strip() == "300M"


def test_defaults_of_memory_are_in_the_environment(two):
    env = printed(two)
    assert env["SLURM_MEM_PER_CPU"] == "100" and "SLURM_MEM_PER_NODE" not in env
    env = printed(two, "-p", "node")
    assert env["SLURM_MEM_PER_NODE"] == "300" and "SLURM_MEM_PER_CPU" not in env


@pytest.mark.parametrize("argv, want", [((), "OK"), (("-p", "force"), "YES"), (("-p", "whole"), "NO"),
                                        (("--exclusive",), "NO"), (("--exclusive=user",), "USER"), (("-s",), "YES")])
def test_oversubscribe_follows_the_partition(two, argv, want):
    job = two.sbatch("-H", *argv, script=SLEEP)
    assert field(two, job, "OverSubscribe") == want


def test_times_of_waiting_jobs_and_idle_nodes(two):
    later = two.sbatch("--begin=now+1hour", script=SLEEP)
    assert field(two, later, "EligibleTime") == field(two, later, "StartTime") != "Unknown"
    assert field(two, later, "AccrueTime") == "Unknown"
    assert field(two, later, "LastSchedEval") != "Unknown"
    held = two.sbatch("-H", script=SLEEP)
    assert field(two, held, "EligibleTime") == "Unknown"
    node = two.out("scontrol", "show", "node", "n1")
    assert "LastBusyTime=20" in node and "Version=25.11.0" in node


def test_an_array_with_running_tasks_is_held(two):
    job = two.sbatch("-a", "1-4", "-c", "4", script=SLEEP)
    assert wait_for(lambda: two.out("squeue", "-h", "-j", job, "-t", "R").count("\n") == 2, 10)
    two.run("scontrol", "hold", job)
    assert "JobHeld" in two.out("squeue", "-h", "-j", job, "-t", "PD", "-o", "%r")
    two.run("scontrol", "release", job)


def test_a_job_that_completed_runs_again(two):
    job = two.sbatch(script="#!/bin/sh\necho $SLURM_RESTART_COUNT\n")
    assert two.wait_state(job) == "COMPLETED"
    two.run("scontrol", "requeue", job)
    assert wait_for(lambda: field(two, job, "Restarts") == "1" and two.state(job) == "COMPLETED", 20)
    two.run("scontrol", "requeuehold", job)
    assert two.state(job) == "PENDING" and field(two, job, "Reason") == "JobHeldAdmin"
    two.run("scontrol", "release", job)
    assert two.wait_state(job) == "COMPLETED" and field(two, job, "Restarts") == "2"


class Hooked(Cluster):
    """A node whose Prolog and Epilog fail while a file of their name is there."""

    def conf_text(self, user):
        for name in ("prolog", "epilog"):
            path = self.dir / f"{name}.sh"
            path.write_text(f"#!/bin/sh\ntest ! -e {self.dir}/{name}.fails\n")
            path.chmod(0o755)
        return super().conf_text(user) + f"Prolog={self.dir}/prolog.sh\nEpilog={self.dir}/epilog.sh\n"

    def breaks(self, name):
        (self.dir / f"{name}.fails").touch()

    def repair(self, name):
        (self.dir / f"{name}.fails").unlink()
        self.run("scontrol", "update", "nodename=n1", "state=resume")


@pytest.fixture(scope="module")
def hooked():
    with Hooked(nodes=1, dbd=False) as c:
        yield c


def drained(c, reason):
    return wait_for(lambda: c.out("sinfo", "-h", "-N", "-o", "%T|%E").split("\n")[0] == f"drained|{reason}", 10)


def test_a_failed_prolog_drains_the_node_and_holds_the_job(hooked):
    hooked.breaks("prolog")
    job = hooked.sbatch(script="#!/bin/sh\ntrue\n")
    assert drained(hooked, "Prolog error")
    assert hooked.state(job) == "PENDING" and field(hooked, job, "Restarts") == "1"
    assert hooked.out("squeue", "-h", "-j", job, "-o", "%R").strip() == "(launch failed requeued held)"
    assert field(hooked, job, "Reason") == "launch_failed_requeued_held" and field(hooked, job, "Priority") == "0"
    hooked.repair("prolog")
    hooked.run("scontrol", "release", job)
    assert hooked.wait_state(job) == "COMPLETED"


def test_a_job_that_may_not_be_requeued_fails_with_its_prolog(hooked):
    hooked.breaks("prolog")
    job = hooked.sbatch("--no-requeue", script="#!/bin/sh\ntrue\n")
    assert hooked.wait_state(job) == "FAILED" and field(hooked, job, "Reason") == "JobLaunchFailure"
    assert drained(hooked, "Prolog error")
    hooked.repair("prolog")


def test_a_failed_epilog_drains_the_node_and_not_the_job(hooked):
    hooked.breaks("epilog")
    job = hooked.sbatch(script="#!/bin/sh\ntrue\n")
    assert hooked.wait_state(job) == "COMPLETED"
    assert drained(hooked, "Epilog error")
    hooked.repair("epilog")


@pytest.mark.parametrize("argv, want", [((), None), (("-n1",), "1"), (("-n2",), "2"), (("-N1",), None), (("-c2",), None),
                                        (("--ntasks-per-node=2",), "2"), (("-N2", "--ntasks-per-node=2"), "4"),
                                        (("--mem-per-cpu=100",), None)])
def test_the_number_of_tasks_is_told_only_when_it_was_asked(two, argv, want):
    env = printed(two, *argv)
    assert env.get("SLURM_NTASKS") == want and env.get("SLURM_NPROCS") == want
    assert env["SLURM_TASKS_PER_NODE"]


def test_deadlines_end_what_would_be_late(two):
    runs = two.sbatch("-N2", "-n8", "--deadline=now+6", script=SLEEP)
    waits = two.sbatch("-N2", "-n8", "-t1", "--deadline=now+62", script=SLEEP)
    assert two.wait_state(runs, "RUNNING") and two.state(waits) == "PENDING"
    assert wait_for(lambda: two.state(waits) == "DEADLINE", 15) and field(two, waits, "Reason") == "DeadLine"
    assert wait_for(lambda: two.state(runs) == "DEADLINE", 15)
    assert wait_for(lambda: "DUE TO DEADLINE" in (two.dir / "out" / f"slurm-{runs}.out").read_text(), 5)
