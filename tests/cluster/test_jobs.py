"""The main flow on real daemons: submit, run, end, archive; one test for each thing a user would notice."""
import os
import time

import pytest
from cluster import wait_for

HELLO = "#!/bin/sh\necho hello $SLURM_JOB_ID\n"


def archived(c, job, fields="State,ExitCode", want=None):
    """The row of a job in sacct; waits for the event to arrive when a value is wanted."""
    def row():
        lines = c.out("sacct", "-X", "-n", "-P", "-j", job, "-o", fields).splitlines()
        return lines and (want is None or lines == want) and lines
    return wait_for(row, 10, 0.1) or c.out("sacct", "-X", "-n", "-P", "-j", job, "-o", fields).splitlines()


def output(c, job):
    return (c.dir / "out" / f"slurm-{job}.out").read_text()


def test_hello_runs_and_is_archived(shared):
    job = shared.sbatch(script=HELLO)
    assert shared.wait_state(job) == "COMPLETED"
    assert output(shared, job) == f"hello {job}\n"
    assert archived(shared, job, want=["COMPLETED|0:0"]) == ["COMPLETED|0:0"]
    rows = shared.out("sacct", "-n", "-P", "-j", job, "-o", "JobID,JobName,State").splitlines()
    assert rows == [f"{job}|sbatch|COMPLETED", f"{job}.batch|batch|COMPLETED"]


def test_sbatch_says_the_sentence_scripts_parse(shared):
    done = shared.run("sbatch", input=HELLO)
    assert done.stderr == ""
    words = done.stdout.split()
    assert words[:3] == ["Submitted", "batch", "job"] and words[3].isdigit() and done.stdout.endswith("\n")


def test_exit_code_three(shared):
    job = shared.sbatch(script="#!/bin/sh\nexit 3\n")
    assert shared.wait_state(job) == "FAILED"
    assert archived(shared, job, want=["FAILED|3:0"]) == ["FAILED|3:0"]
    assert "ExitCode=3:0" in shared.out("scontrol", "show", "job", job)
    assert "Reason=NonZeroExitCode" in shared.out("scontrol", "show", "job", job)


def test_killed_by_a_signal(shared):
    job = shared.sbatch(script="#!/bin/sh\nkill -9 $$\n")
    assert shared.wait_state(job) == "FAILED"
    assert archived(shared, job, want=["FAILED|0:9"]) == ["FAILED|0:9"]


def test_two_nodes(shared):
    job = shared.sbatch("-N2", script="#!/bin/sh\necho $SLURM_JOB_NUM_NODES $SLURM_JOB_NODELIST $SLURM_NNODES\n")
    assert shared.wait_state(job) == "COMPLETED"
    number, nodes, same = output(shared, job).split()
    assert number == same == "2" and nodes.startswith("n[")


def test_array_with_throttle(shared):
    job = shared.sbatch("-a", "1-6%2", "-o", "a_%A_%a.txt", script="#!/bin/sh\necho $SLURM_ARRAY_TASK_ID\n")
    assert wait_for(lambda: not shared.out("squeue", "-h", "-j", job), 60)
    assert [(shared.dir / "out" / f"a_{job}_{i}.txt").read_text() for i in range(1, 7)] == [f"{i}\n" for i in range(1, 7)]
    assert archived(shared, job, "State", ["COMPLETED"] * 6) == ["COMPLETED"] * 6


def test_dependency_chain(shared):
    first = shared.sbatch(script="#!/bin/sh\nsleep 0.5; exit 1\n")
    good = shared.sbatch("-d", f"afternotok:{first}", script=HELLO)
    staged = shared.sbatch("-d", f"afterburstbuffer:{first}", script=HELLO)
    never = shared.sbatch("-d", f"afterok:{first}", "--kill-on-invalid-dep=yes", script=HELLO)
    stuck = shared.sbatch("-d", f"afterok:{first}", script=HELLO)
    assert "(Dependency)" in shared.out("squeue", "-h", "-j", good, "-o", "%R") or shared.wait_state(good)
    assert shared.wait_state(good) == shared.wait_state(staged) == "COMPLETED"
    assert shared.wait_state(never) == "CANCELLED"
    assert wait_for(lambda: "DependencyNeverSatisfied" in shared.out("squeue", "-h", "-j", stuck, "-o", "%r"), 10)
    shared.run("scancel", stuck)


def test_hold_and_release(shared):
    job = shared.sbatch("-H", script=HELLO)
    assert shared.out("squeue", "-h", "-j", job, "-o", "%t %r").strip() == "PD JobHeldUser"
    shared.run("scontrol", "release", job)
    assert shared.wait_state(job) == "COMPLETED"


def test_begin_time(shared):
    job = shared.sbatch("--begin=now+2", script=HELLO)
    assert shared.out("squeue", "-h", "-j", job, "-o", "%r").strip() == "BeginTime"
    assert shared.wait_state(job) == "COMPLETED"


def test_cancel_pending_and_running(shared):
    waiting = shared.sbatch("-H", script=HELLO)
    shared.run("scancel", waiting)
    assert shared.wait_state(waiting) == "CANCELLED"
    running = shared.sbatch(script="#!/bin/sh\nsleep 300\n")
    shared.wait_state(running, "RUNNING")
    shared.run("scancel", running)
    assert shared.wait_state(running) == "CANCELLED"
    state = f"CANCELLED by {os.geteuid()}"
    assert archived(shared, running, "State", [state]) == [state]
    assert "CANCELLED AT" in output(shared, running)


def test_cancelled_before_start_never_runs(shared):
    job = shared.sbatch("--begin=now+1", "-o", "never.txt", script="#!/bin/sh\necho ran\n")
    shared.run("scancel", job)
    time.sleep(2)
    assert not (shared.dir / "out" / "never.txt").exists()


def test_nothing_survives_the_end(shared):
    mark = f"9{os.getpid()}7"
    job = shared.sbatch(script=f"#!/bin/bash\n(trap '' TERM; setsid sleep {mark} & setsid setsid sleep {mark}) & \nsleep 0.3\n")
    shared.wait_state(job)
    def alive():
        return [p for p in os.listdir("/proc") if p.isdigit() and mark in read(f"/proc/{p}/cmdline")]
    assert wait_for(lambda: not alive(), 5), alive()


def read(path):
    try:
        with open(path, errors="replace") as f:
            return f.read()
    except OSError:
        return ""


def test_time_limit(shared):
    job = shared.sbatch("-t", "1", script="#!/bin/sh\nsleep 300\n")
    shared.wait_state(job, "RUNNING")
    shared.run("scontrol", "update", f"jobid={job}", "EndTime=now+1")
    assert shared.wait_state(job) == "TIMEOUT"
    assert archived(shared, job, want=["TIMEOUT|0:0"]) == ["TIMEOUT|0:0"]
    assert "DUE TO TIME LIMIT" in output(shared, job)


def test_memory_and_cpus_are_not_given_twice(shared):
    jobs = [shared.sbatch("-c", "3", "-w", "n1", script="#!/bin/sh\nsleep 300\n") for _ in range(2)]
    shared.wait_state(jobs[0], "RUNNING")
    assert wait_for(lambda: shared.out("squeue", "-h", "-j", jobs[1], "-o", "%t %r").split() == ["PD", "Resources"], 10)
    shared.run("scancel", *jobs)
    for job in jobs:
        shared.wait_state(job)


@pytest.mark.parametrize("options, words", [
    (["-p", "nowhere"], "Invalid partition name specified"),
    (["-N", "50"], "Requested node configuration is not available"),
    (["-w", "nosuch"], "Invalid node name specified"),
    (["-C", "gold"], "Invalid feature specification"),
    (["--mem=1T"], "Requested node configuration is not available"),
    (["-c", "200"], "Requested node configuration is not available"),
])
def test_what_can_never_run_is_refused(shared, options, words):
    done = shared.run("sbatch", *options, input=HELLO, check=False)
    assert done.returncode == 1 and done.stdout == ""
    assert done.stderr.startswith("sbatch: error: ") and words in done.stderr


def test_requeue_runs_again(shared):
    job = shared.sbatch("-o", "again_%j.txt", "--open-mode=append",
                        script="#!/bin/sh\necho $SLURM_RESTART_COUNT\n[ \"$SLURM_RESTART_COUNT\" ] || sleep 300\n")
    shared.wait_state(job, "RUNNING")
    assert wait_for((shared.dir / "out" / f"again_{job}.txt").exists, 10)
    shared.run("scontrol", "requeue", job)
    assert wait_for(lambda: shared.state(job) == "COMPLETED", 60)
    assert (shared.dir / "out" / f"again_{job}.txt").read_text().split()[-1] == "1"


def test_drain_and_resume(cluster):
    cluster.run("scontrol", "update", "nodename=n1", "state=drain", "reason=new disk")
    assert cluster.out("sinfo", "-h", "-n", "n1", "-o", "%T").strip() == "drained"
    assert "new disk" in cluster.out("sinfo", "-R")
    job = cluster.sbatch("-w", "n1", script=HELLO)
    time.sleep(1)
    assert cluster.state(job) == "PENDING"
    cluster.run("scontrol", "update", "nodename=n1", "state=resume")
    assert cluster.wait_state(job) == "COMPLETED"


def test_environment_of_a_batch_job(shared):
    job = shared.sbatch("-J", "env", "-c", "2", "-n", "2", "--mem=300", "-t", "10", "--export=ALL,MINE=x y",
                        script="#!/bin/sh\nenv\n", env={"OUTSIDE": "kept"})
    shared.wait_state(job)
    env = dict(line.split("=", 1) for line in output(shared, job).splitlines() if "=" in line)
    expected = {"SLURM_JOB_ID": job, "SLURM_JOBID": job, "SLURM_JOB_NAME": "env", "SLURM_NTASKS": "2",
                "SLURM_NPROCS": "2", "SLURM_CPUS_PER_TASK": "2", "SLURM_CPUS_ON_NODE": "4", "SLURM_JOB_CPUS_PER_NODE": "4",
                "SLURM_MEM_PER_NODE": "300", "SLURM_JOB_PARTITION": "main", "SLURM_CLUSTER_NAME": "demo",
                "SLURM_JOB_NUM_NODES": "1", "SLURM_NNODES": "1", "SLURM_NODEID": "0", "SLURM_PROCID": "0",
                "SLURM_LOCALID": "0", "ENVIRONMENT": "BATCH", "MINE": "x y", "OUTSIDE": "kept",
                "SLURM_SUBMIT_DIR": str(shared.dir / "out"), "SLURM_TASKS_PER_NODE": "2"}
    assert {k: env.get(k) for k in expected} == expected
    assert env["SLURMD_NODENAME"] == env["SLURM_JOB_NODELIST"] == env["SLURM_NODELIST"]


def test_unknown_job_ids(shared):
    one = shared.run("squeue", "-j", "999999", check=False)
    assert (one.returncode, one.stderr) == (1, "slurm_load_jobs error: Invalid job id specified\n")
    two = shared.run("squeue", "-h", "-j", "999998,999999", check=False)
    assert (two.returncode, two.stdout, two.stderr) == (0, "", "")
    assert shared.run("scancel", "999999", check=False).returncode in (0, 1)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may submit for others")
def test_jobs_run_as_their_user(shared):
    job = shared.sbatch("--uid=nobody", "-D", "/tmp", "-o", f"{shared.dir}/out/id_%j.txt", script="#!/bin/sh\nid -u; id -g; id -G\n")
    assert shared.wait_state(job) == "COMPLETED"
    text = (shared.dir / "out" / f"id_{job}.txt").read_text().split()
    assert text[0] == "65534" and text[1] == "65534" and "0" not in text
