"""Promised starts: shown, kept over a restart, moved later only with a cause that is told."""
import datetime
import os

import pytest
from cluster import Cluster, wait_for

LONG = "#!/bin/sh\nsleep 600\n"


@pytest.fixture()
def two():
    with Cluster(nodes=2, cpus=4, dbd=False, conf="SchedulerType=sched/backfill\n") as c:
        yield c
        c.run("scancel", "-u", str(os.getuid()), check=False)


def start_of(c, job):
    text = c.out("squeue", "-h", "--start", "-j", job, "-o", "%S").strip()
    return None if text == "N/A" else datetime.datetime.fromisoformat(text)


def field(c, job, key):
    words = c.out("scontrol", "show", "job", job).split()
    return next((w.split("=", 1)[1] for w in words if w.startswith(key + "=")), None)


def fill(c):
    """n1 for 10 minutes, n2 for 20; then two jobs that need a node each, and one that needs both."""
    first = [c.sbatch("-n4", "-w", node, "-t", minutes, script=LONG) for node, minutes in (("n1", "10"), ("n2", "20"))]
    assert all(c.wait_state(job, "RUNNING") for job in first)
    waiting = [c.sbatch("-n4", "-t", "30", script=LONG), c.sbatch("-n4", "-t", "5", script=LONG),
               c.sbatch("-N2", "-t", "5", script=LONG)]
    assert wait_for(lambda: all(start_of(c, job) for job in waiting))
    return first, waiting


def test_every_waiting_job_has_a_start_and_nodes(two):
    (one, other), (a, b, both) = fill(two)
    ends = [datetime.datetime.fromisoformat(field(two, job, "EndTime")) for job in (one, other)]
    assert start_of(two, a) == ends[0] and field(two, a, "SchedNodeList") == "n1"
    assert start_of(two, b) == ends[1] and field(two, b, "SchedNodeList") == "n2"
    assert field(two, both, "SchedNodeList") == "n[1-2]"
    assert start_of(two, both) == ends[0] + datetime.timedelta(minutes=30)
    shown = two.run("sbatch", "--test-only", "-n1", "-t", "1", "--wrap", "true").stderr
    assert (ends[1] + datetime.timedelta(minutes=5)).isoformat() in shown and "n2" in shown, shown


def test_a_restart_keeps_them(two):
    _, waiting = fill(two)
    before = [start_of(two, job) for job in waiting]
    two.ctld.kill()
    two.ctld.start()
    two.wait_nodes()
    assert [start_of(two, job) for job in waiting] == before


def test_an_early_end_starts_the_next(two):
    (one, _), (a, b, _) = fill(two)
    two.run("scancel", one)
    assert two.wait_state(a, "RUNNING") == "RUNNING"


def test_why_says_it_with_numbers(two):
    (one, _), (a, b, both) = fill(two)
    text = two.out("sluice", "why", b)
    assert f"Job {b} is PENDING" in text and "at the latest" in text
    assert "1 waiting jobs rank above it" in text
    assert "of 2 nodes of" in text and "too few free CPUs" in text
    two.run("scontrol", "uhold", both)
    assert "scontrol release" in two.out("sluice", "why", both)
    assert "is RUNNING" in two.out("sluice", "why", one)


def test_a_lost_node_is_the_cause(two):
    _, (a, _, _) = fill(two)
    before = start_of(two, a)
    two.run("scontrol", "update", "nodename=n1", "state=drain", "reason=test")
    assert wait_for(lambda: start_of(two, a) and start_of(two, a) > before)
    assert "node n1 is not available" in two.out("sluice", "why", a)
