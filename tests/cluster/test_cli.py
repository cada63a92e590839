"""What programs on top of Slurm depend on (contracts/clients.md): the rules that cover most of them, then one test for each
client with the command line it uses and the pattern it parses the answer with."""
import json
import os
import pwd
import re
import shutil
import subprocess

import pytest
from cluster import Cluster, wait_for

SLEEP = "#!/bin/sh\nsleep 300\n"
HELLO = "#!/bin/sh\necho hello\n"
US, RS = "\x1f", "\x1e"
ME = pwd.getpwuid(os.geteuid()).pw_name
OTHER = "daemon"  # has no jobs
SEEN = ["hid", "main"] if os.geteuid() == 0 else ["main"]  # hidden partitions are shown to root only
PARTITIONS = ("PartitionName=main Nodes=ALL Default=YES MaxTime=INFINITE State=UP\n"
              "PartitionName=hid Nodes=n2 Hidden=YES MaxTime=60 State=UP\n")
COMMANDS = ["squeue", "sinfo", "scontrol", "scancel", "sacct", "sbatch"]


@pytest.fixture(scope="module")
def c():
    """Two nodes; MinJobAge is Slurm's default, so ended jobs stay in sight."""
    with Cluster(nodes=2, conf="MinJobAge=300\n", partitions=PARTITIONS) as cluster:
        yield cluster


@pytest.fixture(scope="module")
def running(c):
    job = c.sbatch("-J", "run(1)_x", "-t", "10", "--mem=200", "--comment=a|b", script=SLEEP)
    c.wait_state(job, "RUNNING")
    return job


@pytest.fixture(scope="module")
def held(c):
    """An array that waits: 0, 1, 2 and 3."""
    return c.sbatch("-H", "-J", "held", "-a", "0-3", script=SLEEP)


@pytest.fixture(scope="module")
def ended(c):
    job = c.sbatch("-J", "ended", script=HELLO)
    c.wait_state(job, "COMPLETED")
    assert wait_for(lambda: "COMPLETED" in c.out("sacct", "-X", "-n", "-j", job, "-o", "State"), 10, 0.1)
    return job


def says(c, *argv, **more):
    """Exit status, stdout, stderr."""
    done = c.run(*argv, check=False, **more)
    return done.returncode, done.stdout, done.stderr


# ---- rule 1, 2: sbatch

def test_sbatch_sentence_and_parsable(c):
    code, out, err = says(c, "sbatch", "-H", input=HELLO)
    assert code == 0 and err == "" and re.fullmatch(r"Submitted batch job (\d+)\n", out)
    code, out, err = says(c, "sbatch", "--parsable", "-H", input=HELLO)
    assert code == 0 and err == "" and re.fullmatch(r"\d+\n", out)
    code, out, err = says(c, "sbatch", "-p", "nosuch", input=HELLO)
    assert code == 1 and out == "" and err.startswith("sbatch: error: ")


def test_script_from_file_stdin_and_dev_stdin(c):
    script = c.dir / "out" / "job.sh"
    script.write_text("#!/bin/sh\n#SBATCH -H\n#SBATCH --job-name 'from file'\n#SBATCH --comment=\"x y\"\n" "true\n")
    jobs = [c.sbatch(str(script)), c.sbatch(input=script.read_text()), c.sbatch("/dev/stdin", input=script.read_text())]
    assert [c.out("squeue", "-h", "-j", j, "-o", "%j|%k").strip() for j in jobs] == ["from file|x y"] * 3


def test_long_options_may_be_abbreviated_and_follow_the_id(c, held):
    assert c.out("squeue", "--nohead", "--job", held, "--form=%F", "--stat=all").split() == [held]
    assert c.out("sacct", "--nohead", "-X", "--job", held, "--form=jobid%30") != ""
    job = c.sbatch("--job-n=abbr", "--hold", script=SLEEP)
    assert says(c, "scancel", job, "--quiet")[0] == 0
    assert c.state(job) == "CANCELLED"


def test_large_seconds_in_minutes_and_seconds(c):
    job = c.sbatch("-H", "--time=0:86400", script=HELLO)
    assert c.out("squeue", "-h", "-j", job, "-o", "%l").strip() == "1-00:00:00"


# ---- rule 3, 4, 5: squeue

def test_ended_jobs_stay_and_state_all_shows_them(c, ended):
    assert f"{ended} CD" in c.out("squeue", "-h", "-o", "%i %t", "-t", "all", "-u", ME).splitlines()
    assert ended not in c.out("squeue", "-h", "-o", "%i").split()


def test_one_unknown_id_fails_two_do_not(c, running):
    assert says(c, "squeue", "-j", "99999999") == (1, "", "slurm_load_jobs error: Invalid job id specified\n")
    assert says(c, "squeue", "-h", "-j", "99999999,99999998") == (0, "", "")
    assert says(c, "squeue", "-h", "-o", "%i", "-j", f"{running},99999999") == (0, f"{running}\n", "")


@pytest.mark.parametrize("between", ["|", "^^^", US, RS, " ", "{\"", "%%", "'", "é"])
def test_any_bytes_between_columns(c, running, between):
    shown = between.replace("%%", "%")
    assert c.out("squeue", "-h", "-j", running, "-o", f"%i{between}%t") == f"{running}{shown}R\n"


def test_no_width_no_padding_and_the_leading_blank_stays(c, running):
    assert c.out("squeue", "-h", "-j", running, "-o%P") == "main\n"
    assert c.out("squeue", "-j", running, "-o", " %A|%a").splitlines()[0] == " JOBID|ACCOUNT"
    assert c.out("squeue", "-h", "-j", running, "-o", "%.8i|%3t|%.2j") == f"{running:>8}|R  |ru\n"


def test_suffixes_and_widths_of_O(c, running):
    assert c.out("squeue", "-h", "-j", running, "-O", f"jobid:{US},state:{US},name:{RS}") == \
        f"{running}{US}RUNNING{US}run(1)_x{RS}\n"
    assert c.out("squeue", "-h", "-j", running, "-O", "jobid:12,state:3,name:.10") == f"{running:<12}RUN  run(1)_x\n"
    assert c.out("sinfo", "-h", "-N", "-n", "n1", "-O", "nodehost:5,statecompact:6|").endswith("|\n")


# ---- rule 6, 7, 8, 9: sacct

def test_words_for_ends(c):
    bad = c.sbatch(script="#!/bin/sh\nexit 3\n")
    killed = c.sbatch(script="#!/bin/sh\nkill -9 $$\n")
    gone = c.sbatch("-H", script=HELLO)
    c.run("scancel", gone)
    for job in (bad, killed, gone):
        c.wait_state(job)
    want = [f"{bad}|FAILED|3:0", f"{killed}|FAILED|0:9", f"{gone}|CANCELLED by {os.getuid()}|0:0"]
    ask = ["sacct", "-X", "-n", "-P", "-o", "JobID,State,ExitCode", "-j", f"{bad},{killed},{gone}"]
    assert wait_for(lambda: c.out(*ask).splitlines() == want, 10, 0.1), c.out(*ask)


def test_headings_keep_slurms_spelling(c):
    asked = "jobidraw,timelimitraw,ncpus,alloctres,admincomment,Jobid,cputimeraw,REQMEM"
    assert c.out("sacct", "-P", "-j", "99999999", "-o", asked) == \
        "JobIDRaw|TimelimitRaw|NCPUS|AllocTRES|AdminComment|JobID|CPUTimeRAW|ReqMem\n"


def test_default_heading_and_widths(c):
    assert says(c, "sacct", "-j", "99999999") == (0, (
        "JobID           JobName  Partition    Account  AllocCPUS      State ExitCode \n"
        "------------ ---------- ---------- ---------- ---------- ---------- -------- \n"), "")
    head = c.out("sacct", "-j", "99999999", "-o", "jobid%-5,state%20,jobname%3,timelimitraw").splitlines()
    assert head == ["JobID                State Job TimelimitR ", "----- -------------------- --- ---------- "]


def test_sacct_shows_by_name_as_soon_as_by_id(c):
    job = c.sbatch("-J", "fresh-7f", script=HELLO)
    by_id = ["sacct", "-X", "--parsable2", "--noheader", "--format=JobIdRaw,State", f"--jobs={job}"]
    assert wait_for(lambda: c.out(*by_id), 10, 0.02)
    by_name = c.out("sacct", "-X", "--parsable2", "--noheader", "--format=JobIdRaw,State", "--name=fresh-7f")
    assert re.fullmatch(job + r"\|(PENDING|RUNNING|COMPLETED)\n", by_name)


def test_sacct_times_sizes_and_sorted_tres(c, ended):
    row = c.out("sacct", "-X", "-n", "-P", "-j", ended, "-o",
                "Elapsed,CPUTime,TotalCPU,ReqMem,Timelimit,AllocTRES,Reserved,Planned,NodeList").strip().split("|")
    assert re.fullmatch(r"\d\d:\d\d:\d\d", row[0]) and re.fullmatch(r"\d\d:\d\d:\d\d", row[1])
    assert re.fullmatch(r"\d\d:\d\d\.\d{3}|\d\d:\d\d:\d\d", row[2])
    assert re.fullmatch(r"\d+[KMG]", row[3]) and row[4] == "UNLIMITED"
    assert row[5] == "billing=1,cpu=1,mem=100M,node=1"
    assert row[6] == row[7] and row[8] in ("n1", "n2")


def test_a_job_that_never_started_says_so(c):
    job = c.sbatch("-H", script=HELLO)
    c.run("scancel", job)
    ask = ["sacct", "-X", "-n", "-P", "-j", job, "-o", "Start,Elapsed,NodeList,End"]
    assert wait_for(lambda: c.out(*ask).startswith("None|00:00:00|None assigned|20"), 10, 0.1), c.out(*ask)


@pytest.mark.parametrize("argv, text", [
    (["-o", "foo"], 'sacct: error: Invalid field requested: "foo"\n'),
    (["-o", "AllocGRES"], "sacct: fatal: AllocGRES has been removed, please use AllocTRES\n"),
    (["-u", "nosuchuser"], "sacct: error: Invalid user id: nosuchuser\n"),
    (["-g", "nosuchgroup"], "sacct: error: Invalid group id: nosuchgroup\n"),
    (["-s", "foo"], "sacct: fatal: unrecognized job state value 'foo'\n"),
    (["-j", "abc"], "sacct: fatal: Bad job/step specified: abc\n"),
    (["-S", "xx"], "Invalid time specification (pos=0): xx\n"),
    (["-i", "x"], 'sacct: error: Invalid numeric value "x" for requested node range.\n'),
    (["-k", "x"], "sacct: fatal: Invalid time limit specification\n"),
    (["foo"], "sacct: error: Unknown arguments:\nsacct: error:  foo\n"),
    (["--bogus"], "sacct: unrecognized option '--bogus'\n"),
    (["-c"], "Slurm job completion is disabled\n"),
])
def test_sacct_refusals(c, argv, text):
    code, out, err = says(c, "sacct", *argv, env={"SLURM_HINTS": "0"})
    assert (code, out) == (1, "") and err.split("sacct", 1)[-1] == text.split("sacct", 1)[-1]


def test_sacct_without_an_archive_prints_no_heading(c):
    conf = c.dir / "elsewhere.conf"
    conf.write_text((c.dir / "slurm.conf").read_text().replace(
        f"AccountingStoragePort={c.dbd_port}", "AccountingStoragePort=1"))
    code, out, err = says(c, "sacct", env={"SLURM_CONF": str(conf)})
    assert (code, out) == (1, "") and err.startswith("sacct: error: ")


def test_sacct_array_tasks_and_steps_by_name(c, held, ended):
    ask = ["sacct", "-n", "-P", "-o", "JobID", "-j"]
    assert wait_for(lambda: c.out(*ask, held), 10, 0.1) == f"{held}_[0-3]\n"
    assert c.out(*ask, f"{ended}.batch").split() == [f"{ended}.batch"]
    assert c.out(*ask, ended).split() == [ended, f"{ended}.batch"]
    assert c.out(*ask, "99999999_[1-3]") == ""


def test_an_earlier_run_is_shown_as_requeued(c):
    job = c.sbatch(script=SLEEP)
    c.wait_state(job, "RUNNING")
    c.run("scontrol", "requeuehold", job)
    ask = ["sacct", "-X", "-n", "-P", "-j", job, "-o", "JobID,State"]
    assert wait_for(lambda: c.out(*ask, "-D").splitlines() == [f"{job}|REQUEUED", f"{job}|PENDING"], 20, 0.1), c.out(*ask, "-D")
    assert c.out(*ask) == f"{job}|PENDING\n"
    c.run("scancel", job)


def test_sacct_helpformat(c):
    lines = c.out("sacct", "--helpformat").splitlines()
    assert lines[0] == "Account             AdminComment        AllocCPUS           AllocNodes         "
    names = " ".join(lines).split()
    for name in ("JobID", "JobIDRaw", "State", "TotalCPU", "Elapsed", "Timelimit", "ReqMem", "TRESUsageOutAve", "MaxRSS"):
        assert name in names
    every = c.out("sacct", "-P", "-j", "99999999", "-o", "ALL").strip().split("|")
    assert every == names


def test_documents_of_json(c, ended, running):
    job = json.loads(c.out("sacct", "-j", ended, "--json"))["jobs"][0]
    assert job["job_id"] == int(ended) and job["state"]["current"] == ["COMPLETED"]
    assert job["exit_code"]["return_code"]["number"] == 0 and job["time"]["submission"] > 0
    assert [s["step"]["name"] for s in job["steps"]] == ["batch"]
    assert {"type": "cpu", "name": "", "id": 1, "count": 1} in job["tres"]["allocated"]
    assert json.loads(c.out("sacct", "-j", "99999999", "--json"))["jobs"] == []
    shown = {j["job_id"]: j for j in json.loads(c.out("squeue", "--json"))["jobs"]}
    assert shown[int(running)]["job_state"] == ["RUNNING"]
    assert json.loads(c.out("sinfo", "--json"))["errors"] == []


# ---- rule 10: scontrol

def test_show_part_has_no_token_without_a_value(c):
    lines = c.out("scontrol", "show", "part", "-o").splitlines()
    assert len(lines) == len(SEEN) and all("=" in word for line in lines for word in line.split())
    assert re.search(r" Version=\d\S+ OS=", c.out("scontrol", "show", "node", "n1", "-o"))


def test_records_are_parted_by_a_blank_line(c, running, held):
    text = c.out("scontrol", "show", "job")
    assert all(record.startswith("JobId=") for record in text.strip().split("\n\n"))


def test_show_config_rows(c):
    text = c.out("scontrol", "show", "config")
    assert re.search(r"^MinJobAge               = 300 sec$", text, re.M)
    assert re.search(r"^MaxArraySize            = \d+$", text, re.M)
    assert re.match(r"Configuration data as of \d{4}-\d\d-\d\dT", text)


def test_show_hostnames(c):
    assert c.out("scontrol", "show", "hostnames", "n[1-3,5],m2").split() == ["n1", "n2", "n3", "n5", "m2"]
    assert c.out("scontrol", "show", "hostname", env={"SLURM_JOB_NODELIST": "b2,b[10-11]"}).split() == ["b2", "b10", "b11"]
    assert c.out("scontrol", "show", "hostlist", "n1,n3,n2").strip() == "n[1,3,2]"


def test_the_prompt(c):
    out = c.out("scontrol", input="oneliner\nshow part hid\n!!\nping\nquit\nping\n")
    assert out.count("PartitionName=hid") == 2 and out.count("is UP") == 1
    code, _, err = says(c, "scontrol", input="foo\n")
    assert (code, err) == (1, "invalid keyword: foo\n")


# ---- sinfo

def test_sinfo_cpu_counts(c):
    assert re.fullmatch(r"(\d+/\d+/\d+/\d+ ?){2}\n|\d+/\d+/\d+/\d+/\d+/\d+/\d+/\d+\n", c.out("sinfo", "-aho", "%F/%C"))
    assert c.out("sinfo", "-ho", f"RS%cUS%nUS%f").startswith("RS")


# ---- scancel

def test_scancel_array_ranges_and_a_signal_behind(c):
    job = c.sbatch("-H", "-a", "0-5", script=SLEEP)
    assert says(c, "scancel", f"{job}_[1-3]") == (0, "", "")
    assert c.out("squeue", "-h", "-r", "-j", job, "-o", "%K").split() == ["0", "4", "5"]
    run = c.sbatch("-a", "0", script="#!/bin/sh\ntrap 'echo got; exit 0' USR2\necho up\nsleep 60 &\nwait\n")
    out = c.dir / "out" / f"slurm-{run}_0.out"
    assert wait_for(lambda: out.exists() and out.read_text() == "up\n", 20)
    assert says(c, "scancel", f"{run}_0", "--batch", "--signal", "USR2") == (0, "", "")
    assert wait_for(lambda: out.read_text() == "up\ngot\n", 20)
    c.run("scancel", job)


@pytest.mark.parametrize("argv, code, text", [
    ([], 1, "scancel: error: No job identification provided\n"),
    (["abc"], 1, "scancel: error: Invalid job id abc\n"),
    (["5x"], 1, "scancel: error: Invalid job id 5x\n"),
    (["-t", "FOO"], 1, "Invalid job state specified: FOO\nValid job states are PENDING, RUNNING, and SUSPENDED\n"),
    (["-s", "FOO", "1"], 1, "Unknown job signal: FOO\n"),
    (["-u", "nosuchuser"], 1, "scancel: error: Invalid user name: nosuchuser\n"),
    (["-u", OTHER], 0, ""),
    (["-n", "no-such-name"], 0, ""),
    (["-Q", "99999999"], 0, ""),
    # Slurm is silent here without -v; the exit status is its own, the sentence helps against typing errors
    (["99999999"], 0, "scancel: error: Kill job error on job id 99999999: Invalid job id specified\n"),
])
def test_scancel_says(c, argv, code, text):
    got = says(c, "scancel", *argv, env={"SLURM_HINTS": "0"})
    assert got == (code, "", text)


def test_scancel_of_an_ended_job_is_silent(c, ended):
    assert says(c, "scancel", ended) == (0, "", "")


@pytest.mark.skipif(os.geteuid() != 0, reason="acts as another user")
def test_scancel_of_another_users_job(c, running):
    line = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", str(c.build / "scancel"), running]
    done = subprocess.run(line, env=c.env, capture_output=True, text=True, timeout=30)
    assert done.returncode == 2002 & 0xff
    assert done.stderr.startswith(f"scancel: error: Kill job error on job id {running}: Access/permission denied\n")
    assert c.state(running) == "RUNNING"


# ---- all commands

@pytest.mark.parametrize("command", COMMANDS)
def test_help_usage_and_version(c, command):
    for option in ("--help", "--usage"):
        code, out, err = says(c, command, option)
        assert code == 0 and out and err == ""
    assert re.fullmatch(r"slurm\S* \d+\.\d+\.\d+\n", says(c, command, "-V")[1])


@pytest.mark.parametrize("command", COMMANDS)
def test_unknown_options(c, command):
    code, out, err = says(c, command, "--no-such-option")
    assert code in (1, 255) and out == "" and "unrecognized option '--no-such-option'" in err


def test_operands_that_mean_nothing(c):
    code, out, err = says(c, "squeue", "foo")
    assert code == 1 and out == "" and err.startswith("squeue: error: Unrecognized option: foo\n")
    assert says(c, "sinfo", "foo")[0] == 0  # as Slurm does


# ---- clients, each with its own command line and pattern

def test_nextflow(c, running):
    out = c.out("squeue", "--noheader", "-o", "%i %t", "-t", "all", "-p", "main", "-u", ME)
    rows = dict(line.split() for line in out.splitlines())
    assert rows[running] == "R" and set(rows.values()) <= set("PD R CA CF CG CD F TO NF S ST PR BF".split())


def test_snakemake(c, ended):
    name = "0b7e6a0c-1"
    job = c.out("sbatch", "--parsable", "--job-name", name, "--output", f"{c.dir}/out/%j.log", "--export=ALL", "--comment",
                "rule_x", "-p", "main", "-t", "5", "--mem", "100", "--nodes=1", "--requeue", "--cpus-per-task=1", "-D",
                str(c.dir / "out"), "--wrap=echo done").strip().split(";")[0]
    assert c.wait_state(job) == "COMPLETED"
    ask = ["sacct", "-X", "--parsable2", "--clusters", "all", "--noheader", "--format=JobIdRaw,State", "--starttime",
           "2020-01-01T00:00", "--endtime", "now", "--name", name]
    assert wait_for(lambda: c.out(*ask) == f"{job}|COMPLETED\n", 10, 0.1)
    assert f"{job}|COMPLETED" in c.out("squeue", "--format=%i|%T", "--states=all", "--noheader", "--name", name).split()
    assert re.search(r"JobState=(\w+)", c.out("scontrol", "show", "jobid", "-dd", job)).group(1) == "COMPLETED"
    row = c.out("sacct", f"--name={name}", "--parsable2", "--noheader",
                "--format=JobID,JobName,Comment,Elapsed,TotalCPU,NNodes,NCPUS,MaxRSS,ReqMem").splitlines()
    assert row[0].split("|")[:3] == [job, name, "rule_x"] and row[1].startswith(f"{job}.batch|batch|")
    assert "main*" in c.out("sinfo", "-o", "%P").split()


def test_toil(c, ended):
    assert re.fullmatch(r"(\S+ \S+ [\d:-]+\n)+", c.out("squeue", "-h", "--format", "%i %t %M", "-t", "all"))
    out = c.out("sacct", "-n", "-j", ended, "--format", "JobIDRaw,State,ExitCode", "-P", "-S", "2020-01-01")
    assert out.splitlines()[0] == f"{ended}|COMPLETED|0:0"
    assert all(len(line.split(" ")) == 6 for line in c.out("sinfo", "-a", "-o", "%P %G %l %p %c %m").splitlines())
    job = c.run("sbatch", "-J", "toil_job_1_x", "--signal=B:INT@30", "--export=ALL,A=1", "--mem=100", "--cpus-per-task=1",
                "--time=0:600", "-o", "/dev/null", "-e", "/dev/null", "--wrap=exec true").stdout.split()[-1]
    assert int(job) and dict(word.split("=", 1) for word in c.out("scontrol", "show", "job", job).split()
                             if "=" in word)["JobId"] == job


def test_submitit(c, ended):
    out = c.out("sacct", "-o", "JobID,State,NodeList", "--parsable2", "-j", ended, "-j", "99999999")
    lines = out.splitlines()
    assert lines[0] == "JobID|State|NodeList" and lines[1].split("|")[:2] == [ended, "COMPLETED"]
    job = c.run("sbatch", "--array=0-1%1", "-H", "--open-mode=append", "--signal=USR2@90", "--wckey=submitit",
                "--output=%A_%a_0_log.out", input=SLEEP).stdout
    assert re.search(r"job (?P<id>[0-9]+)", job)
    c.run("scancel", job.split()[-1])


def test_parsl(c, ended, running):
    assert says(c, "sacct", "-X")[0] == 0
    rows = [line.split()[:2] for line in c.out("sacct", "-X", "--noheader", "--format=jobid,state%20", "--job",
                                               f"{ended},{running}").splitlines()]
    assert [ended, "COMPLETED"] in rows
    assert c.out("squeue", "--noheader", "--format=%i %t", "--job", f"{running},99999999").split() == [running, "R"]


def test_cromwell_and_dask(c, running):
    assert says(c, "squeue", "-j", running)[0] == 0 and says(c, "squeue", "-j", "99999999")[0] == 1
    job = c.run("sbatch", "-H", "-J", "dask", "-o", "dask-%J.out", "-n", "1", "-N", "1", "--cpus-per-task=1", "--mem=1G",
                "-t", "00:30:00", input=HELLO).stdout
    assert re.search(r"\d+", job).group() == job.split()[-1]
    assert c.out("squeue", "-h", "-j", job.split()[-1], "-O", "stdout:200").strip().endswith(f"dask-{job.split()[-1]}.out")


def test_batchspawner(c, running, held):
    out = c.out("squeue", "-h", "-j", running, "-o", "%T %B")
    assert re.match(r"^(RUNNING|COMPLETING)", out) and re.search(r"\s+((?:[\w_-]+\.?)+)$", out.rstrip("\n"))
    assert re.match(r"^(PENDING|CONFIGURING)", c.out("squeue", "-h", "-j", held, "-o", "%T %B"))
    out = c.out("sbatch", "--parsable", "--chdir=/tmp", "-H", "--export=PATH,LANG", input=HELLO)
    assert int(out.splitlines()[-1].split(";")[0])


def test_aiida(c, running):
    fields = ["%i", "%t", "%r", "%B", "%u", "%D", "%C", "%R", "%P", "%l", "%M", "%S", "%j", "%V"]
    code, out, err = says(c, "squeue", "--noheader", "-o", "^^^".join(fields), f"--jobs={running},{running}",
                          env={"SLURM_TIME_FORMAT": "standard"})
    assert (code, err) == (0, "") and [len(line.split("^^^")) for line in out.splitlines()] == [14]
    head, row = c.out("sacct", "--format=" + ",".join(c.out("sacct", "--helpformat").split()), "--parsable", "-X",
                      f"--jobs={running}").splitlines()[:2]
    assert head.count("|") + row.count("|") >= 2 * 100 and head.endswith("WorkDir|")


def test_open_ondemand(c, running):
    text = c.out("squeue", "--all", "--states=all", "--noconvert", "-O", US.join(["JobID:", ",State:", ",Name:"]) + US,
                 "-j", running)
    assert text.splitlines()[0].endswith(US) and text.splitlines()[-1].split(US)[:3] == [running, "RUNNING", "run(1)_x"]
    out = c.out("sacct", "-P", "--delimiter", US, "-n", "--units", "G", "--allocations", "-o", "jobid,state,reqmem", "-j",
                running)
    assert wait_for(lambda: out, 1) and out.split(US)[0] == running
    assert "mem=" in c.out("squeue", "-h", "-j", running, "-O", "tres-alloc:100")
    for line in c.out("sinfo", "-ahNO", "nodehost:100,gres:512,gresused:512,statelong").splitlines():
        assert len(line[:100].split()) == 1 and len(line) > 1124


def test_reportseff(c, ended):
    out = c.out("sacct", "--parsable", "-n", "--delimiter=^|^", "--format=JobID,JobIDRaw,State,AdminComment,Elapsed",
                f"--jobs={ended}")
    assert all(line.endswith("^|^") and line.count("^|^") == 5 for line in out.splitlines()) and out


def test_jobstats(c, ended):
    """Seconds since 1970 by SLURM_TIME_FORMAT, a heading as Slurm spells it, the stored script or NONE."""
    fields = ("jobidraw,start,end,cluster,alloctres,admincomment,user,account,state,nnodes,ncpus,reqmem,qos,partition,"
              "timelimitraw,jobname")
    head, row = c.out("sacct", "-P", "-X", "-o", fields, "-j", ended, env={"SLURM_TIME_FORMAT": "%s"}).splitlines()
    got = dict(zip(head.split("|"), row.split("|")))
    assert got["JobIDRaw"] == ended and int(got["End"]) >= int(got["Start"]) > 1e9 and got["TimelimitRaw"] == "UNLIMITED"
    assert c.out("sacct", "-j", ended, "-B").startswith(f"Batch Script for {ended}\n" + 80 * "-" + "\n")


def test_gitlab_runner(c, ended):
    row = c.out("sacct", "--name", "ended", "--noheader", "-P", "--format=JobID,JobName,Submit").splitlines()[0]
    assert re.fullmatch(ended + r"\|ended\|\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d", row)


def test_xdmod(c, ended):
    fields = ("jobid,jobidraw,cluster,partition,qos,account,group,gid,user,uid,submit,eligible,start,end,elapsed,exitcode,"
              "state,nnodes,ncpus,reqcpus,reqmem,reqtres,alloctres,timelimit,nodelist,jobname")
    code, out, err = says(c, "sacct", "--allusers", "--parsable2", "--noheader", "--allocations", "--duplicates", "--clusters",
                          "demo", "--format", fields, "--starttime", "2020-01-01T00:00:00", "--endtime", "2038-01-01",
                          env={"TZ": "UTC"})
    assert (code, err) == (0, "") and all(line.count("|") == 25 for line in out.splitlines())
    assert any(line.split("|")[0] == ended for line in out.splitlines())


def test_exporters(c, running):
    row = c.out("squeue", "--states=all", "-h", "-r", "-o", '{"a": "%a", "id": %A, "end_time": "%e", "u": "%u", "state": "%T",'
                ' "p": "%P", "cpu": %C, "mem": "%m", "array_id": "%K", "r": "%R"}', "-j", running)
    assert json.loads(row)["id"] == int(running)
    assert re.fullmatch(r"\d+/\d+/\d+/\d+\n", c.out("sinfo", "-h", "-o", "%C"))
    out = c.out("sinfo", "-h", "-O", "StateCompact:15|,Memory:20|,NodeHost:40|,CPUsLoad:15|,Partition:20|,CPUsState:20|")
    assert all(line.count("|") == 6 for line in out.splitlines()) and out
    assert c.out("sinfo", "-h", "-n", "n1", "-o", "\"%n %G\"").startswith('"')
    assert all(line.count("|") == 3 for line in c.out("squeue", "-a", "-r", "-h", "-o %A|%a|%T|%C").splitlines())
    assert re.fullmatch(r"(\w+,\d+/\d+/\d+/\d+\n)+", c.out("sinfo", "-h", "-o%R,%C"))
    head = c.out("sinfo", "-N", "-O", "NodeList,AllocMem,Memory,CPUsState,StateLong").splitlines()[0]
    assert head.split() == ["NODELIST", "ALLOCMEM", "MEMORY", "CPUS(A/I/O/T)", "STATE"]


def test_radical(c, ended):
    assert re.match(r"\d+\.\d+", c.out("scontrol", "--version").split()[1])
    text = c.out("scontrol", "show", "job", ended)
    assert re.search(r"ExitCode=(\d*)", text).group(1) == "0" and re.search(r"\bNodeList=(\S*)", text).group(1) in ("n1", "n2")
    assert re.search(r"CPUTot=(\d+)", c.out("scontrol", "show", "nodes")).group(1) == "4"


@pytest.mark.skipif(not shutil.which("nodeset"), reason="Debian's clustershell is not installed")
def test_clustershell(c, running):
    """The real one, with the group source that Debian installs."""
    source = ("[Main]\ndefault: slurm\n[slurm]\nmap: sinfo -h -o \"%N\" -p $GROUP\nall: sinfo -h -o \"%N\"\n"
              "list: sinfo -h -o \"%R\"\nreverse: sinfo -h -N -o \"%R\" -n $NODE\n"
              "[jobs]\nmap: squeue -h -j $GROUP -o \"%N\"\nlist: squeue -h -o \"%i\" -t R\n")
    home = c.dir / "clustershell"
    home.mkdir()
    (home / "groups.conf").write_text(source)
    def nodeset(*argv):
        return c.run("/usr/bin/nodeset", *argv, env={"CLUSTERSHELL_CFGDIR": str(home)}).stdout.strip()
    assert nodeset("-f", "@*") == "n[1-2]"
    assert nodeset("-e", "@slurm:main") == "n1 n2"
    assert sorted(nodeset("-l").split()) == [f"@{name}" for name in SEEN]
    assert nodeset("-f", f"@jobs:{running}") in ("n1", "n2")
