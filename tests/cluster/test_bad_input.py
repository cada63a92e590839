"""Broken sbatch calls against a live controller: each is refused in Slurm's words, nothing is recorded, and the
controller serves on."""
import os
import pathlib
import subprocess
import sys

import pytest
from cluster import Cluster

HERE = pathlib.Path(__file__).resolve().parent


@pytest.fixture(scope="module")
def small():
    """The cluster that bad_sbatch.txt speaks of."""
    parts = "PartitionName=debug Nodes=ALL Default=YES MaxTime=60 State=UP\n"
    with Cluster(nodes=4, cpus=2, memory=1000, partitions=parts, dbd=False) as c:
        yield c


def refused(c, *argv):
    """What sbatch says to a call that must fail: the error, then the hints."""
    done = c.run("sbatch", *argv, check=False, input="#!/bin/sh\nhostname\n")
    assert done.returncode == 1 and done.stdout == "", done
    return done.stderr


def test_the_table_of_broken_calls_holds_and_nothing_changes(small):
    before = small.out("scontrol", "show", "job", "-o")
    env = dict(os.environ, SLURM_CONF=str(small.dir / "slurm.conf"))
    done = subprocess.run([sys.executable, HERE / "bad_sbatch.py", small.build / "sbatch", "ctld", "ours"],
                          env=env, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr
    assert small.out("scontrol", "show", "job", "-o") == before
    assert small.out("squeue", "-h") == ""
    assert small.ctld.running() and small.run("scontrol", "ping").returncode == 0


def test_too_much_memory_is_refused_with_the_numbers(small):
    text = refused(small, "--mem=1T")
    assert text.splitlines()[0].endswith("Requested node configuration is not available")
    assert "1048576 MB" in text and "1000 MB" in text and "all together have 0" not in text


def test_named_resources_that_nobody_has(small):
    for option in ("--gres=gpu:1", "--gpus=1", "--gpus-per-node=1", "--gpus-per-task=1", "--gpus-per-socket=1"):
        assert "Invalid generic resource (gres) specification" in refused(small, "-n1", option)
    assert "Invalid license specification" in refused(small, "-L", "nosuch:1")
    assert "Requested reservation is invalid" in refused(small, "--reservation=nosuch")


def test_an_array_beyond_its_bound_is_told_the_bound(small):
    text = refused(small, "--array=0-1001")
    assert "Invalid job array specification" in text and "1000" in text
