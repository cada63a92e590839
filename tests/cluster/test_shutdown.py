"""scontrol shutdown ends every daemon but no step; with an argument the controller alone."""
import os

from cluster import wait_for


def running_job(cluster):
    job = cluster.sbatch("-o", "job.txt", script="#!/bin/sh\necho $$\nwhile [ ! -e stop ]; do sleep 0.1; done\necho end\n")
    text = cluster.dir / "out" / "job.txt"
    pid = wait_for(lambda: text.exists() and text.read_text().strip())
    assert pid, cluster.logs()
    return job, int(pid)


def finish(cluster, job):
    cluster.start_ctld()
    for name in cluster.node_names:
        if not cluster.nodes[name].running():
            cluster.start_node(name)
    (cluster.dir / "out" / "stop").touch()
    assert cluster.wait_state(job) == "COMPLETED"
    assert (cluster.dir / "out" / "job.txt").read_text().endswith("end\n")


def test_shutdown_stops_all_daemons_and_leaves_steps(cluster):
    job, pid = running_job(cluster)
    cluster.run("scontrol", "shutdown")
    daemons = [cluster.ctld, *cluster.nodes.values()]
    assert wait_for(lambda: not any(d.running() for d in daemons), 10), cluster.logs()
    assert [d.process.returncode for d in daemons] == [0] * len(daemons)
    os.kill(pid, 0)
    finish(cluster, job)


def test_shutdown_slurmctld_leaves_nodes(cluster):
    job, pid = running_job(cluster)
    assert cluster.run("scontrol", "shutdown", "nonsense", check=False).returncode == 1
    cluster.run("scontrol", "shutdown", "slurmctld")
    assert wait_for(lambda: not cluster.ctld.running(), 10)
    assert "orders slurmd to stop" not in cluster.logs(200)
    assert all(d.running() for d in cluster.nodes.values())
    finish(cluster, job)
