"""Steps in an allocation: who holds what, who waits for whom, what is shown and what is left in accounting."""
import os
import re
import subprocess

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


def inside(c, script, *options, timeout=60):
    """A shell script with an allocation around it."""
    return c.run("salloc", "-Q", *options, "sh", "-c", script, check=False, timeout=timeout)


def test_a_step_waits_and_says_for_whom(four):
    done = inside(four, "srun -Q sleep 2 & sleep 0.5; srun -n1 echo later; wait", "-N1", "-n4")
    assert done.stdout == "later\n", done.stderr
    assert re.search(r"srun: Job (\d+) step creation temporarily disabled, retrying \(Requested nodes are busy\)\n"
                     r"srun: hint: step \1\.0 \(sleep\) holds 4 of 4 CPUs of n\d\n"
                     r"srun: hint: give each step its part with --exact \(-c does too\), or add --overlap\n"
                     r"srun: Step created for StepId=\1\.1\n", done.stderr), done.stderr


def test_exact_and_overlap_do_not_wait(four):
    done = inside(four, "srun --exact -n2 --mem=0 sleep 3 & sleep 0.3; srun -Q --exact -n2 --mem=0 echo two;"
                  " srun -Q --overlap -n4 echo all; wait", "-N1", "-n4")
    assert done.stdout.split() == ["two"] * 2 + ["all"] * 4
    assert done.stderr == ""


def test_what_does_not_fit_is_refused(four):
    done = inside(four, "srun -n100 true; echo $?; srun --mem=1T true; echo $?", "-N2", "-n8")
    assert done.stdout.split() == ["1", "1"]
    assert re.search(r"srun: error: Unable to create step for job \d+: More processors requested than permitted\n", done.stderr)
    assert re.search(r"srun: error: Unable to create step for job \d+: Memory required by task is not available\n", done.stderr)


def test_two_hundred_steps_at_once(four):
    done = inside(four, "for i in $(seq 200); do srun -Q --exact -N1 -n1 --mem=0 true || echo failed & done; wait; echo over",
                  "-N4", "-n16", timeout=120)
    assert done.stdout == "over\n", done.stderr
    job = four.out("squeue", "-h", "-t", "all", "-o", "%i").split()
    newest = max(map(int, job))
    rows = wait_for(lambda: (r := four.out("sacct", "-n", "-P", "-j", str(newest), "-o", "JobID,State").splitlines())
                    and len(r) == 201 and all(x.endswith("COMPLETED") for x in r) and r, 30)
    assert rows, four.out("sacct", "-n", "-P", "-j", str(newest), "-o", "JobID,State,ExitCode")


def test_steps_are_shown(four):
    done = inside(four, "srun -n2 -N2 sleep 5 & sleep 1; squeue -s; scontrol show step $SLURM_JOB_ID.0;"
                  " scontrol update StepId=$SLURM_JOB_ID.0 TimeLimit=9; scontrol show step | head -1; scancel $SLURM_JOB_ID.0; wait",
                  "-N2", "-n4")
    lines = done.stdout.splitlines()
    assert lines[0] == "         STEPID     NAME PARTITION     USER      TIME NODELIST"
    assert re.fullmatch(r" +\d+\.0    sleep      main +\S+      0:0\d n\[1-2\]", lines[1]), lines
    assert re.fullmatch(r"StepId=\d+\.0 UserId=\d+ StartTime=\S+ TimeLimit=UNLIMITED", lines[2])
    assert lines[3] == "   State=RUNNING Partition=main NodeList=n[1-2]"
    assert lines[4] == "   Nodes=2 CPUs=4 Tasks=2 Name=sleep Network=(null)"
    assert "TimeLimit=00:09:00" in lines[-1], lines


def test_accounting_has_each_step(four):
    done = inside(four, "srun -J one sh -c 'exit 3'; srun -J two true; srun -J three sleep 30 & sleep 1; scancel $SLURM_JOB_ID.2; wait",
                  "-N1", "-n2")
    job = max(map(int, four.out("squeue", "-h", "-t", "all", "-o", "%i").split()))
    ask = ("sacct", "-n", "-P", "-j", str(job), "-o", "JobID,JobName,State,ExitCode,NTasks,AllocCPUS")
    rows = wait_for(lambda: (r := four.out(*ask).splitlines()) and len(r) == 4 and "RUNNING" not in "".join(r) and r, 20)
    assert rows, four.out(*ask) + done.stderr
    assert rows[1] == f"{job}.0|one|FAILED|3:0|2|2"
    assert rows[2] == f"{job}.1|two|COMPLETED|0:0|2|2"
    assert rows[3].startswith(f"{job}.2|three|CANCELLED")
    derived = four.out("sacct", "-n", "-P", "-X", "-j", str(job), "-o", "DerivedExitCode").strip()
    assert derived.startswith(("0:", "3:"))


def test_a_limit_ends_a_step_and_not_the_job(four):
    """The limit is a minute at least, so it is set in the past's shadow: the update makes it due at once."""
    done = inside(four, "srun -t1 sh -c 'echo started; sleep 90'; echo code $?; srun echo goes on", "-N1", timeout=120)
    assert "goes on" in done.stdout, done.stderr
    assert re.search(r"CANCELLED AT \S+ DUE TO TIME LIMIT", done.stderr), done.stderr


def test_sattach_and_sbcast(four):
    (four.dir / "out" / "payload").write_text("carried\n")
    there = four.dir / "out" / "there"
    done = inside(four, f"sbcast payload {there}; echo $?; sbcast payload {there}; echo $?; sbcast -f payload {there}; echo $?;"
                  " srun sh -c 'sleep 1; echo said' > /dev/null & sleep 0.4; sattach --layout $SLURM_JOB_ID.2 ;"
                  " sattach $SLURM_JOB_ID.4 < /dev/null; wait", "-N1", "-n2")
    assert done.stdout.split()[:3] == ["0", "1", "0"], done.stdout + done.stderr
    assert there.read_text() == "carried\n"
    assert "File exists" in done.stderr


def test_sstat_lists_steps(four):
    done = inside(four, "srun sleep 4 & sleep 1; sstat -n -P -a -o JobID,NTasks -j $SLURM_JOB_ID; sstat -j 99999 -n; wait",
                  "-N1", "-n2")
    assert re.search(r"^\d+\.0\|2$", done.stdout, re.M), done.stdout
    assert "sstat: error: couldn't get steps for job 99999\n" in done.stderr


def test_a_controller_that_is_killed_loses_no_step():
    """The step goes on, is known again, and its end is in accounting."""
    with Cluster(nodes=2) as c:
        p = subprocess.Popen([str(c.build / "srun"), "-N2", "sh", "-c", "sleep 6; echo done"], env=c.env, cwd=c.dir / "out",
                             stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        assert wait_for(lambda: "1.0" in c.out("squeue", "-h", "-s"), 10)
        c.ctld.kill()
        c.start_ctld()
        assert wait_for(lambda: "1.0" in c.out("squeue", "-h", "-s"), 15), c.logs()
        out, err = p.communicate(timeout=60)
        assert (p.returncode, out) == (0, "done\ndone\n"), err
        assert wait_for(lambda: "1.0|COMPLETED" in c.out("sacct", "-n", "-P", "-o", "JobID,State"), 20), \
            c.out("sacct", "-n", "-P", "-o", "JobID,State")
