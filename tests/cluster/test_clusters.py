"""Several clusters, one slurmdbd: -M finds the controllers, sbatch chooses the one that starts first."""
import pathlib
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "tools"))
from cluster import Cluster, wait_for  # noqa: E402


class Second(Cluster):
    """A cluster of its own that shares the first one's munge and slurmdbd."""

    def __init__(self, first, **more):
        super().__init__(dbd=False, **more)
        self.first = first
        self.env["PATH"] = f"{self.build}:{self.env['PATH']}"

    @property
    def munge_socket(self):
        return self.first.munge_socket

    def start_munged(self):
        pass

    def conf_text(self, user):
        text = super().conf_text(user).replace("ClusterName=demo", "ClusterName=other")
        return (f"{text}AccountingStorageType=accounting_storage/slurmdbd\nAccountingStorageHost=localhost\n"
                f"AccountingStoragePort={self.first.dbd_port}\n")


@pytest.fixture(scope="module")
def two():
    with Cluster(nodes=1, cpus=2) as first, Second(first, nodes=1, cpus=4) as second:
        assert wait_for(lambda: len(first.out("sacctmgr", "-nP", "list", "cluster", "format=cluster,controlport").split()) == 2)
        yield first, second


def test_every_command_reaches_the_other(two):
    first, second = two
    assert first.out("sacctmgr", "-nP", "list", "cluster", "format=cluster,controlport").split() == \
        [f"demo|{first.ctld_port}", f"other|{second.ctld_port}"]
    done = first.run("sbatch", "-M", "other", "-o", "/dev/null", "--wrap", "sleep 30")
    assert done.stdout == "Submitted batch job 1 on cluster other\n"
    second.wait_state("1", "RUNNING")
    assert first.out("squeue", "-h", "-o", "%i") == ""
    assert first.out("squeue", "-M", "other", "-h", "-o", "%i %T") == "1 RUNNING\n"
    both = first.out("squeue", "-M", "all", "-o", "%i").splitlines()
    assert both[0] == "CLUSTER: demo" and both[2:] == ["CLUSTER: other", "JOBID", "1"]
    assert first.out("sinfo", "-M", "demo,other", "-h", "-o", "%c").split() == ["2", "4"]
    assert "JobName=wrap" in first.out("scontrol", "-M", "other", "show", "job", "1")
    assert wait_for(lambda: first.out("sacct", "-M", "other", "-nXP", "-a", "-o", "jobid,cluster").split() == ["1|other"])
    assert first.run("scancel", "-M", "other", "1").returncode == 0
    assert second.wait_state("1") == "CANCELLED"
    bad = first.run("squeue", "-M", "nosuch", check=False)
    assert bad.returncode == 1 and "'nosuch' can't be reached now" in bad.stderr


def test_sbatch_goes_where_it_starts_first(two):
    first, second = two
    busy = first.sbatch("-o", "/dev/null", "-c2", "-t", "60", "--wrap", "sleep 60")
    first.wait_state(busy, "RUNNING")
    said = first.run("sbatch", "-M", "demo,other", "-o", "/dev/null", "-t", "1", "--wrap", "true").stdout
    assert said.endswith(" on cluster other\n")
    said = second.run("sbatch", "-M", "demo,other", "-o", "/dev/null", "-c4", "--wrap", "true").stdout
    assert said.endswith(" on cluster other\n")  # demo could never hold it
    first.run("scancel", busy)
    first.wait_state(busy)


def test_rules_and_names_are_per_cluster(two):
    first, _ = two
    first.run("sacctmgr", "-i", "add", "account", "x", "cluster=other")
    assert first.out("sacctmgr", "-nP", "list", "assoc", "account=x", "format=cluster,account").split() == ["other|x"]
    assert first.run("sacctmgr", "-i", "add", "account", "y", "cluster=nosuch", check=False).returncode == 1
