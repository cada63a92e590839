"""GPUs on a node: device files that the test makes, given to jobs, hidden from others, numbered for the vendor's library."""
import os
import stat

import pytest
from cluster import Cluster
from test_confine import CGROUP, CONF, MOUNT, groups

ROOT = os.geteuid() == 0 and os.access(MOUNT, os.W_OK)
# Numbers of devices that are harmless and that nothing else here opens: zero, full, random.
MINORS = (5, 7, 8)


@pytest.fixture(scope="module")
def gpus():
    conf = CONF if ROOT else ""
    c = Cluster(nodes=1, cpus=os.cpu_count(), memory=1500, conf=conf + "GresTypes=gpu,shard\n",
                node_conf="Gres=gpu:big:2,gpu:small:1,shard:6")
    for i, minor in enumerate(MINORS):
        path = c.dir / f"gpu{i}"
        if ROOT:
            os.mknod(path, 0o666 | stat.S_IFCHR, os.makedev(1, minor))
            path.chmod(0o666)
        else:
            path.touch()
    (c.dir / "cgroup.conf").write_text(CGROUP)
    (c.dir / "gres.conf").write_text(f"Name=gpu Type=big File={c.dir}/gpu[0-1] Flags=nvidia_gpu_env\n"
                                     f"Name=gpu Type=small File={c.dir}/gpu2 Flags=nvidia_gpu_env\nName=shard Count=6\n")
    with c:
        assert not ROOT or groups(c)
        yield c
    assert not ROOT or not groups(c)


def run(c, script, *options):
    job = c.sbatch(*options, script="#!/bin/bash\n" + script)
    assert c.wait_state(job) == "COMPLETED", c.logs()
    return (c.dir / "out" / f"slurm-{job}.out").read_text()


def opened(c):
    return "".join(f"(: < {c.dir}/gpu{i}) 2>/dev/null && echo open {i}\n" for i in range(3)) + "true\n"


def test_slurmd_tells_its_devices(gpus):
    out = gpus.out("slurmd", "-N", "n1", "-G")
    assert f"slurmd-n1: Gres Name=gpu Type=big Count=1 Index=1 File={gpus.dir}/gpu1" in out
    assert f"slurmd-n1: Gres Name=shard Type=small Count=2 Index=2 File={gpus.dir}/gpu2" in out


def test_a_job_has_its_gpus_and_no_others(gpus):
    out = run(gpus, "env | grep -E 'CUDA|GPU' | sort\n" + opened(gpus), "--gpus=small:1")
    lines = out.split("\n")
    assert "SLURM_JOB_GPUS=2" in lines and "SLURM_GPUS_ON_NODE=1" in lines
    if ROOT:
        assert "CUDA_VISIBLE_DEVICES=0" in lines
        assert [line for line in lines if line.startswith("open")] == ["open 2"]


def test_all_of_them(gpus):
    out = run(gpus, "env | grep -E 'CUDA|GPU' | sort\n" + opened(gpus), "--gpus=3")
    assert "SLURM_JOB_GPUS=0,1,2" in out and "open 0\nopen 1\nopen 2\n" in out
    assert "CUDA_VISIBLE_DEVICES=0,1,2" in out


def test_none(gpus):
    out = run(gpus, "env | grep -E 'CUDA|GPUS'\n" + opened(gpus))
    assert "CUDA_VISIBLE" not in out and "GPUS" not in out
    assert not ROOT or "open" not in out


def test_a_share_opens_its_gpu(gpus):
    out = run(gpus, "env | grep -E 'CUDA|GPU|SHARD' | sort\n" + opened(gpus), "--gres=shard:1")
    assert "SLURM_SHARDS_ON_NODE=1" in out
    assert not ROOT or out.count("open ") == 1
