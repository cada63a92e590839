"""The rules of the seed on real daemons: sacctmgr says them, slurmctld acts on them within a second, also while slurmdbd
is away and after a restart."""
import os
import pwd
import time

import pytest
from cluster import Cluster, wait_for

SLEEP = "#!/bin/sh\nsleep 300\n"
ME = pwd.getpwuid(os.geteuid()).pw_name
CONF = ("GresTypes=gpu\nAccountingStorageTRES=gres/gpu\nAccountingStorageEnforce=limits,qos\n"
        "PriorityType=priority/multifactor\nPriorityWeightFairShare=1000\nPriorityWeightQOS=500\nPriorityCalcPeriod=1\n")
PARTS = ("PartitionName=main Nodes=ALL Default=YES MaxTime=INFINITE DefaultTime=60 State=UP\n"
         "PartitionName=p4dn Nodes=ALL AllowAccounts=ml MaxTime=INFINITE DefaultTime=60 State=UP\n")


def mgr(c, *words):
    return c.run("sacctmgr", "-i", *words)


@pytest.fixture(scope="module")
def site():
    """Three nodes of eight GPUs, two accounts, four QOS."""
    c = Cluster(nodes=3, cpus=16, memory=8000, conf=CONF, node_conf="Gres=gpu:8", partitions=PARTS)
    try:
        c.write_files()
        c.start_munged()
        c.start_dbd()
        c.start_ctld()
        wait_for(lambda: "demo" in c.out("sacctmgr", "-nP", "list", "cluster", "format=cluster"), 10)
        mgr(c, "add", "account", "team,ml")
        mgr(c, "add", "user", ME, "account=team,ml", "defaultaccount=team")
        mgr(c, "add", "qos", "gpu16", "GrpTRES=gres/gpu=16")
        mgr(c, "add", "qos", "day", "MaxWall=1-0", "Flags=DenyOnLimit")
        mgr(c, "add", "qos", "daywait", "MaxWall=1-0", "priority=50")
        mgr(c, "modify", "user", ME, "set", "qos+=gpu16,day,daywait")
        for name in c.node_names:
            c.start_node(name)
        c.wait_nodes()
        yield c
    finally:
        c.stop()


@pytest.fixture(autouse=True)
def empty(site):
    """Each test begins with an empty queue."""
    yield
    site.run("scancel", "-u", str(os.getuid()), check=False)
    assert wait_for(lambda: not site.out("squeue", "-h"), 30)


def reason(c, job):
    return c.out("squeue", "-h", "-j", job, "-o", "%r").strip()


def refused(c, *argv):
    done = c.run("sbatch", *argv, "--wrap", "true", check=False)
    assert done.returncode == 1
    return done.stderr


def test_sixteen_gpus_at_once_for_a_team(site):
    jobs = [site.sbatch("--qos=gpu16", "--gres=gpu:1", script=SLEEP) for _ in range(17)]
    assert wait_for(lambda: site.out("squeue", "-h", "-t", "R", "-o", "%i").split().__len__() == 16, 20)
    assert reason(site, jobs[16]) == "QOSGrpGRES"
    assert "gres/gpu=1" in site.out("scontrol", "show", "job", jobs[0])
    site.run("scancel", jobs[3])
    assert site.wait_state(jobs[16], "RUNNING") == "RUNNING"


def test_a_day_for_each_job(site):
    words = refused(site, "--qos=day", "-t", "2-0")
    assert ("Job violates accounting/QOS policy (job submit limit, user's size and/or time limits)") in words
    assert "MaxWall of QOS day: asked 2880, in use 0, allowed 1440" in words
    job = site.sbatch("--qos=daywait", "-t", "2-0", script=SLEEP)
    assert wait_for(lambda: reason(site, job) == "QOSMaxWallDurationPerJobLimit", 5)
    assert site.wait_state(site.sbatch("--qos=day", "-t", "1-0", "--wrap", "true")) == "COMPLETED"


def test_a_partition_for_one_account(site):
    words = refused(site, "-p", "p4dn")
    assert "Invalid account or account/partition combination specified" in words and "for the accounts ml" in words
    assert site.wait_state(site.sbatch("-p", "p4dn", "-A", "ml", "--wrap", "true")) == "COMPLETED"


def test_what_may_be_used_is_said(site):
    words = refused(site, "-A", "nobody")
    assert "Invalid account" in words and "may use:" in words and "team" in words
    words = refused(site, "--qos=nothing")
    assert "Invalid qos specification" in words and "gpu16" in words


def test_a_change_is_live_within_a_second(site):
    mgr(site, "modify", "account", "team", "set", "GrpJobs=0")
    began = time.monotonic()
    job = site.sbatch("-A", "team", script=SLEEP)
    assert wait_for(lambda: reason(site, job) == "AssocGrpJobsLimit", 5)
    mgr(site, "modify", "account", "team", "set", "GrpJobs=-1")
    assert site.wait_state(job, "RUNNING", seconds=10) == "RUNNING"
    assert time.monotonic() - began < 30  # a hang, not a figure


def test_rules_hold_without_slurmdbd_and_after_a_restart(site):
    mgr(site, "modify", "qos", "daywait", "set", "GrpJobs=1")
    first = site.sbatch("--qos=daywait", script=SLEEP)
    assert site.wait_state(first, "RUNNING") == "RUNNING"
    site.dbd.kill()
    try:
        second = site.sbatch("--qos=daywait", script=SLEEP)
        assert wait_for(lambda: reason(site, second) == "QOSGrpJobsLimit", 5)
        site.ctld.kill()
        site.start_ctld()
        assert wait_for(lambda: reason(site, second) == "QOSGrpJobsLimit", 10)
        assert "Invalid account" in refused(site, "-A", "nobody")
        site.run("scancel", first)
        assert site.wait_state(second, "RUNNING") == "RUNNING"
    finally:
        site.start_dbd()
    mgr(site, "modify", "qos", "daywait", "set", "GrpJobs=-1")
