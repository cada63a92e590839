"""srun and salloc as users see them: what they print, what they exit with, which task ran where."""
import hashlib
import os
import re
import signal
import subprocess
import time

import pytest
from cluster import Cluster, wait_for


@pytest.fixture(scope="module")
def four():
    """Four nodes of four CPUs."""
    with Cluster(nodes=4) as c:
        yield c


@pytest.fixture(autouse=True)
def empty(four):
    """Each test begins with an empty queue."""
    yield
    four.run("scancel", "-u", str(os.getuid()), check=False)
    assert wait_for(lambda: not four.out("squeue", "-h"), 30)


def run(c, *argv, **more):
    return c.run(*argv, check=False, **more)


def start(c, *argv, **more):
    """A command that goes on while the test does."""
    more.setdefault("stdin", subprocess.DEVNULL)
    return subprocess.Popen([str(c.build / argv[0]), *argv[1:]], env=c.env, cwd=c.dir / "out", text=True,
                            stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True, **more)


def steps(c):
    return c.out("squeue", "-h", "-s", "-o", "%i %N").split("\n")[:-1]


# ---- where tasks run

def test_alone_it_gets_its_nodes_and_gives_them_back(four):
    done = run(four, "srun", "-N4", "-n16", "-l", "sh", "-c", "echo $SLURMD_NODENAME $SLURM_PROCID $SLURM_NTASKS")
    assert done.returncode == 0, done.stderr
    want = {f"{i:2}: n{i // 4 + 1} {i} 16" for i in range(16)}
    assert set(done.stdout.splitlines()) == want
    assert four.out("squeue", "-h") == ""


def test_in_a_script_and_in_salloc(four):
    job = four.sbatch("-N2", "-n4", "-o", "script.out", script="#!/bin/sh\nsrun -l sh -c 'echo $SLURMD_NODENAME'\n")
    assert four.wait_state(job) == "COMPLETED"
    text = (four.dir / "out" / "script.out").read_text()
    assert sorted(text.splitlines()) == ["0: n1", "1: n1", "2: n2", "3: n2"] or len(set(text.split())) == 6
    done = run(four, "salloc", "-N2", "srun", "sh", "-c", "echo $SLURM_STEP_ID $SLURM_NODEID")
    assert sorted(done.stdout.splitlines()) == ["0 0", "0 1"]
    assert re.fullmatch(r"salloc: Granted job allocation (\d+)\nsalloc: Relinquishing job allocation \1\n", done.stderr)


@pytest.mark.parametrize("layout, want", [
    ("block", "n1 n1 n2 n2"), ("cyclic", "n1 n2 n1 n2"), ("plane=2", "n1 n1 n2 n2"), ("block,Pack", "n1 n1 n1 n2")])
def test_tasks_are_laid_out(four, layout, want):
    done = run(four, "salloc", "-N2", "--ntasks-per-node=4", "srun", "-n4", "-N2", "-l", "-m", layout, "sh", "-c",
               "echo $SLURMD_NODENAME")
    lines = sorted(done.stdout.splitlines())
    assert [line.split()[1] for line in lines] == want.split(), done.stderr


def test_a_host_file_says_where(four):
    (four.dir / "out" / "hosts").write_text("n2\nn1\nn2\n")
    done = run(four, "salloc", "-N2", "--ntasks-per-node=4", "srun", "-m", "arbitrary", "-l", "sh", "-c", "echo $SLURMD_NODENAME",
               env={"SLURM_HOSTFILE": "hosts"})
    assert sorted(done.stdout.splitlines()) == ["0: n2", "1: n1", "2: n2"], done.stderr


def test_nodes_by_name_and_by_place(four):
    done = run(four, "salloc", "-N3", "sh", "-c", "srun -w n2 sh -c 'echo $SLURMD_NODENAME';"
               " srun -N1 -n1 -r2 sh -c 'echo $SLURMD_NODENAME'; srun -N9 true; srun -r7 -N1 true; srun -w n9 true")
    assert done.stdout.split() == ["n2", "n3"], done.stderr
    assert "srun: error: Only allocated 3 nodes asked for 9\n" in done.stderr
    assert "--relative and SLURM_JOB_NUM_NODES option incompatible" in done.stderr
    assert "Requested node configuration is not available" in done.stderr


def test_several_programs(four):
    (four.dir / "out" / "multi").write_text("# three programs\n0 echo zero %t %o\n1-2 echo many %t %o\n3 echo three\n")
    done = run(four, "srun", "-n4", "-l", "--multi-prog", "multi")
    assert sorted(done.stdout.splitlines()) == ["0: zero 0 0", "1: many 1 0", "2: many 2 1", "3: three"], done.stderr
    bad = run(four, "srun", "-n3", "--multi-prog", "multi")
    assert bad.returncode == 1 and "srun: error: Invalid task id, 3 >= ntasks\n" in bad.stderr


# ---- how it ends

@pytest.mark.parametrize("script, code, words", [
    ("exit $((SLURM_PROCID + 3))", 4, ["task 0: Exited with exit code 3", "task 1: Exited with exit code 4"]),
    ("exit 7", 7, ["tasks 0-1: Exited with exit code 7"]),
    ("kill -9 $$", 137, ["tasks 0-1: Killed"]),
    ("kill -SEGV $$", 139, ["tasks 0-1: Segmentation fault"])])
def test_exit_codes(four, script, code, words):
    done = run(four, "srun", "-n2", "sh", "-c", script)
    assert done.returncode == code, done.stderr
    told = re.sub(r" \(core dumped\)", "", done.stderr)
    ranks = sorted(re.findall(r"srun: error: n1: (tasks? \S+: .*)", told))
    assert ranks == words or {w.split(": ", 1)[1] for w in ranks} == {w.split(": ", 1)[1] for w in words}, done.stderr


def test_a_program_that_is_not_there(four):
    done = run(four, "srun", "-n1", "nosuchprogram")
    assert done.returncode == 2
    assert "execve(): nosuchprogram: No such file or directory" in done.stderr
    assert "srun: error: n1: task 0: Exited with exit code 2\n" in done.stderr


def test_one_that_fails_takes_the_others_with_it(four):
    done = run(four, "srun", "-n2", "-K", "sh", "-c", "[ $SLURM_PROCID = 0 ] && exit 3; sleep 60", timeout=30)
    assert done.returncode == 143, done.stderr
    assert "srun: Terminating StepId=" in done.stderr and "task 1: Terminated" in done.stderr


def test_patience_ends(four):
    done = run(four, "srun", "-n2", "-W1", "sh", "-c", "[ $SLURM_PROCID = 0 ] && exit 0; sleep 60", timeout=30)
    assert done.returncode in (137, 143)
    assert "srun: First task exited 1s ago\n" in done.stderr


def test_an_interrupt_asks_and_two_end_it(four):
    p = start(four, "srun", "-n2", "sleep", "60")
    assert wait_for(lambda: steps(four), 10)
    time.sleep(0.3)
    p.send_signal(signal.SIGINT)
    time.sleep(0.2)
    p.send_signal(signal.SIGINT)
    _, err = p.communicate(timeout=30)
    assert "srun: interrupt (one more within 1 sec to abort)\n" in err
    assert re.search(r"srun: StepId=\d+\.0 tasks 0-1: running\n", err), err
    assert re.search(r"srun: sending Ctrl-C to StepId=\d+\.0\n", err)
    assert p.returncode in (130, 137, 143)


def test_a_cancelled_job_ends_srun(four):
    p = start(four, "srun", "-n2", "sleep", "60")
    assert wait_for(lambda: steps(four), 10)
    four.run("scancel", steps(four)[0].split(".")[0])
    _, err = p.communicate(timeout=30)
    assert p.returncode in (137, 143), err


def test_scancel_ends_one_step(four):
    done = run(four, "salloc", "-N1", "sh", "-c",
               "srun sleep 60 & sleep 1; scancel $SLURM_JOB_ID.0; wait $!; echo code $?; srun echo next", timeout=40)
    assert "next" in done.stdout and re.search("code 1(37|43)", done.stdout), done.stdout + done.stderr
    assert re.search(r"slurmstepd.*: error: \*\*\* STEP \d+\.0 ON n1 CANCELLED AT ", done.stderr), done.stderr


# ---- streams

def test_input_goes_to_all_to_one_to_none(four):
    assert run(four, "srun", "-n3", "cat", input="hello\n").stdout == "hello\n" * 3
    assert run(four, "srun", "-n3", "-l", "-i", "1", "cat", input="hello\n").stdout == "1: hello\n"
    assert run(four, "srun", "-n3", "-i", "none", "cat", input="hello\n").stdout == ""
    (four.dir / "out" / "in.txt").write_text("from a file\n")
    assert run(four, "srun", "-n1", "-i", "in.txt", "cat").stdout == "from a file\n"


def test_output_goes_to_files(four):
    assert run(four, "srun", "-n2", "-o", "f-%t.out", "sh", "-c", "echo task $SLURM_PROCID").stdout == ""
    assert (four.dir / "out" / "f-1.out").read_text() == "task 1\n"
    assert run(four, "srun", "-n2", "-o", "one-%j.out", "-e", "one.err", "sh", "-c", "echo out; echo err >&2").stdout == ""
    assert (four.dir / "out" / "one.err").read_text() == "err\nerr\n"
    assert run(four, "srun", "-n2", "-o", "1", "sh", "-c", "echo $SLURM_PROCID").stdout == "1\n"
    assert run(four, "srun", "-n2", "-o", "none", "echo", "x").stdout == ""


def test_a_stream_is_carried_byte_for_byte(four):
    """64 MB through srun, and back in: nothing is lost, added or out of order."""
    size = 64 << 20
    with open(four.dir / "out" / "big", "wb") as f:
        for _ in range(64):
            f.write(os.urandom(1 << 20))
    want = hashlib.sha256((four.dir / "out" / "big").read_bytes()).hexdigest()
    with open(four.dir / "out" / "copy", "wb") as out:
        done = subprocess.run([str(four.build / "srun"), "-n1", "cat", "big"], env=four.env, cwd=four.dir / "out",
                              stdout=out, stdin=subprocess.DEVNULL, timeout=120)
    assert done.returncode == 0
    got = (four.dir / "out" / "copy").read_bytes()
    assert len(got) == size and hashlib.sha256(got).hexdigest() == want
    with open(four.dir / "out" / "big", "rb") as f:
        summed = subprocess.run([str(four.build / "srun"), "-n1", "sha256sum"], env=four.env, cwd=four.dir / "out", stdin=f,
                                capture_output=True, text=True, timeout=120)
    assert summed.stdout.split()[0] == want


def test_a_reader_that_leaves_ends_the_writers(four):
    line = f"{four.build}/srun -n1 yes | head -1"
    done = subprocess.run(["sh", "-c", line], env=four.env, cwd=four.dir / "out", capture_output=True, text=True,
                          stdin=subprocess.DEVNULL, timeout=30)
    assert done.stdout == "y\n"


# ---- allocations

def test_salloc_passes_the_code_and_the_variables(four):
    done = run(four, "salloc", "-N2", "-n3", "sh", "-c", "echo $SLURM_JOB_NUM_NODES $SLURM_NTASKS $SLURM_JOB_NODELIST; exit 5")
    assert done.returncode == 5
    assert done.stdout == "2 3 n[1-2]\n"


def test_salloc_without_a_shell_stays(four):
    done = run(four, "salloc", "--no-shell", "-N1")
    job = re.search(r"Granted job allocation (\d+)", done.stderr).group(1)
    assert four.state(job) == "RUNNING"
    assert run(four, "srun", "--jobid", job, "-n1", "echo", "inside").stdout == "inside\n"
    four.run("scancel", job)
    assert four.wait_state(job) == "CANCELLED"


def test_who_waits_is_told_and_may_give_up(four):
    four.sbatch("-N4", "--exclusive", script="#!/bin/sh\nsleep 60\n")
    assert wait_for(lambda: "R" in four.out("squeue", "-h", "-o", "%t"), 10)
    done = run(four, "srun", "-I", "true")
    assert done.returncode == 1 and "srun: error: Unable to allocate resources: Requested nodes are busy\n" in done.stderr
    p = start(four, "salloc", "-n1", "true")
    assert wait_for(lambda: "PD" in four.out("squeue", "-h", "-o", "%t"), 10)
    p.send_signal(signal.SIGINT)
    _, err = p.communicate(timeout=10)
    assert re.fullmatch(r"salloc: Pending job allocation (\d+)\nsalloc: job \1 queued and waiting for resources\n"
                        r"salloc: Job allocation \1 has been revoked.\nsalloc: Job aborted due to signal\n", err), err
    assert p.returncode == 1 and "PD" not in four.out("squeue", "-h", "-o", "%t")


def test_a_job_that_is_not_there(four):
    done = run(four, "srun", "--jobid=9999", "true")
    assert done.returncode == 1
    assert done.stderr == ("srun: error: Unable to confirm allocation for job 9999: Invalid job id specified\n"
                           "srun: Check SLURM_JOB_ID environment variable. Expired or invalid job 9999\n")
    assert "srun: fatal: No command given to execute.\n" in run(four, "srun").stderr
