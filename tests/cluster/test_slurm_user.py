"""SlurmUser other than root: slurmctld and slurmdbd give root up, jobs run as their users all the same."""
import os
import subprocess

import pytest
from cluster import Cluster, wait_for


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root, to become somebody else")
def test_daemons_run_as_slurm_user():
    c = Cluster(nodes=1)
    c.write_files()
    for name in ("slurm.conf", "slurmdbd.conf"):
        path = c.dir / name
        path.write_text(path.read_text().replace("SlurmUser=root", "SlurmUser=nobody"))
    owned = [str(c.dir / name) for name in ("state", "dbd", "log", "slurmdbd.conf")]
    subprocess.run(["chown", "-R", "nobody:nogroup", *owned], check=True)
    c.dir.chmod(0o1777)
    try:
        c.start_munged()
        c.start_dbd()
        c.start_ctld()
        c.start_node("n1")
        c.wait_nodes()
        for daemon in (c.ctld, c.dbd):
            status = open(f"/proc/{daemon.pid}/status").read()
            assert status.split("Uid:")[1].split("\n")[0].split() == ["65534"] * 4
        mine = c.sbatch(script="#!/bin/sh\nid -u\n")
        assert c.wait_state(mine) == "COMPLETED"
        assert (c.dir / "out" / f"slurm-{mine}.out").read_text() == "0\n"
        theirs = c.sbatch("--uid=65534", "-D", "/tmp", "-o", f"{c.dir}/out/theirs", script="#!/bin/sh\nid -u\n")
        assert c.wait_state(theirs) == "COMPLETED"
        assert (c.dir / "out" / "theirs").read_text() == "65534\n"
        assert wait_for(lambda: c.out("sacct", "-a", "-X", "-n", "-P", "-o", "State") == "COMPLETED\n" * 2, 10)
    finally:
        c.stop()
