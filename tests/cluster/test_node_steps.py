"""The node half of steps under faults: output byte-exact, exit codes right, nobody left.  SLUICE_ROUNDS makes it long."""
import hashlib
import os
import pathlib
import re
import signal
import subprocess
import time

import pytest
from cluster import Cluster, wait_for

ROUNDS = int(os.environ.get("SLUICE_ROUNDS", "3"))
TASKS = 16


@pytest.fixture(scope="module")
def two():
    with Cluster(nodes=2, cpus=16) as c:
        yield c


def processes_of(c):
    """Pids of whatever runs in a job of this cluster, by environment."""
    mark = f"SLURM_CONF={c.dir}/slurm.conf".encode()
    found = []
    for environ in pathlib.Path("/proc").glob("[0-9]*/environ"):
        try:
            words = environ.read_bytes().split(b"\0")
        except OSError:
            continue
        if mark in words and any(w.startswith(b"SLURM_STEP_ID=") for w in words):
            found.append(int(environ.parent.name))
    return found


def start(c, *argv):
    return subprocess.Popen([str(a) for a in argv], env=c.env, cwd=c.dir, stdin=subprocess.DEVNULL,
                            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def stepds(c, job_step):
    """Pids of the slurmstepds of a step, from the records in the spool."""
    job, step = job_step.split(".")
    return [int(m) for path in pathlib.Path(c.dir).glob(f"**/job{job}.*.{step}/step")
            for m in re.findall(r"^pid (\d+)", path.read_text(), re.M)]


def test_slurmd_dies_again_and_again(two):
    lines = 40
    script = (f"for i in $(seq {lines}); do echo $SLURM_PROCID line $i; sleep 0.05; done; exit $((SLURM_PROCID % 3))")
    for _ in range(ROUNDS):
        p = start(two, "srun", "-Q", "-N2", f"-n{TASKS}", "sh", "-c", script)
        assert wait_for(lambda: len(processes_of(two)) >= TASKS, 20)
        for name in ("n1", "n2"):
            two.nodes[name].kill(signal.SIGKILL)
        time.sleep(0.2)
        for name in ("n1", "n2"):
            two.start_node(name)
        out, err = p.communicate(timeout=60)
        assert p.returncode == 2, err
        for task in range(TASKS):
            mine = [line for line in out.splitlines() if line.startswith(f"{task} ")]
            assert mine == [f"{task} line {i}" for i in range(1, lines + 1)], (task, err)
        assert wait_for(lambda: not processes_of(two), 10)
        assert wait_for(lambda: not two.out("squeue", "-h"), 20)


def test_a_killed_slurmstepd_takes_its_tasks_along(two):
    for _ in range(ROUNDS):
        p = start(two, "srun", "-Q", "-N2", "-n4", "sh", "-c", "setsid sleep 300 & sleep 300")
        assert wait_for(lambda: len(processes_of(two)) >= 12, 20)
        step = two.out("squeue", "-s", "-h", "-o", "%i").split()[0]
        for pid in stepds(two, step):
            os.kill(pid, signal.SIGKILL)
        _, err = p.communicate(timeout=60)
        assert p.returncode != 0, err
        assert wait_for(lambda: not processes_of(two), 10), processes_of(two)
        assert wait_for(lambda: not two.out("squeue", "-h"), 20)


def test_a_big_stream_is_byte_exact(two):
    size = 64 << 20
    want = hashlib.sha256(b"x" * 65536)
    for _ in range(size // 65536 - 1):
        want.update(b"x" * 65536)
    done = subprocess.run(f"head -c {size} /dev/zero | tr '\\0' x | srun -Q -n1 cat | sha256sum", shell=True, env=two.env,
                          cwd=two.dir, capture_output=True, text=True, timeout=120)
    assert done.stdout.split()[0] == want.hexdigest(), done.stderr


def test_a_killed_srun_leaves_nothing(two):
    p = start(two, "srun", "-Q", "-n4", "sleep", "300")
    assert wait_for(lambda: len(processes_of(two)) >= 4, 20)
    p.kill()
    p.communicate()
    assert wait_for(lambda: not processes_of(two), 15)
    two.run("scancel", "-u", str(os.getuid()))  # the allocation itself is the controller's to keep
    assert wait_for(lambda: not two.out("squeue", "-h"), 30)
