"""sacctmgr and slurmdbd's rule book, live: what was said is on disk, in Slurm's words, and only for those who may."""
import os
import pathlib
import pwd
import subprocess
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "tools"))
from cluster import Cluster, wait_for  # noqa: E402


@pytest.fixture
def dbd():
    """munged and slurmdbd alone."""
    c = Cluster(nodes=1)
    try:
        c.write_files()
        c.start_munged()
        c.start_dbd()
        yield c
    finally:
        c.stop()


def mgr(c, *words, check=True, **more):
    return c.run("sacctmgr", "-i", *words, check=check, **more)


def rows(c, *words):
    return c.run("sacctmgr", "-nP", "list", *words).stdout.splitlines()


def test_a_tree_in_slurms_words_survives_a_kill(dbd):
    assert mgr(dbd, "add", "cluster", "demo").stdout == " Adding Cluster(s)\n  Name           = demo\n"
    assert "  A = physics    C = demo      \n" in mgr(dbd, "add", "account", "physics", "GrpTRES=cpu=16").stdout
    mgr(dbd, "add", "account", "a,b", "parent=physics")
    said = mgr(dbd, "add", "user", "joe,ann", "account=a", "MaxJobs=4").stdout
    assert said == (" Adding User(s)\n  joe\n  ann\n Associations =\n  U = joe       A = a          C = demo      \n"
                    "  U = ann       A = a          C = demo      \n Non Default Settings\n  MaxJobs       = 4\n")
    mgr(dbd, "add", "qos", "high", "priority=10", "MaxWall=1-0", "Flags=DenyOnLimit")
    mgr(dbd, "modify", "user", "joe", "set", "qos+=high")
    before = rows(dbd, "assoc")
    assert rows(dbd, "assoc", "user=joe", "format=account,user,qos,maxjobs") == ["a|joe|high,normal|4"]
    dbd.dbd.kill()
    dbd.start_dbd()
    assert rows(dbd, "assoc") == before
    assert rows(dbd, "qos", "high", "format=name,priority,maxwall,flags") == ["high|10|1-00:00:00|DenyOnLimit"]
    assert [line.split("|")[0] for line in rows(dbd, "txn", "format=action")][-1] == "Modify Associations"


def test_a_question_changes_nothing_until_yes(dbd):
    mgr(dbd, "add", "cluster", "demo")
    ask = ["sacctmgr", "add", "account", "x"]
    no = dbd.run(*ask, input="n\n")
    assert "Would you like to commit changes? (You have 30 seconds to decide)\n(N/y): " in no.stdout
    assert no.stdout.endswith(" Changes Discarded\n")
    assert rows(dbd, "account", "format=account") == ["root"]
    assert dbd.run(*ask, input="y\n").returncode == 0
    assert rows(dbd, "account", "format=account") == ["root", "x"]
    assert dbd.run("sacctmgr", "-r", "add", "account", "y", check=False).returncode == 1


def test_what_is_wrong_is_refused_whole(dbd):
    mgr(dbd, "add", "cluster", "demo")
    before = rows(dbd, "assoc")
    for words in (["add", "user", "x"], ["add", "user", "x", "account=nosuch"], ["add", "user", "x", "foo=bar"],
                  ["add", "account", "a'b"], ["add", "account", "new", "MaxJobs=x"], ["add", "account", "a,b,c\x01"],
                  ["modify", "user", "root", "set", "nosuch=1"], ["delete", "account", "nosuch"],
                  ["add", "qos", "q", "MaxTRES=nosuch=1"], ["list", "user", "format=nosuch"], ["foo"], ["add", "foo"]):
        done = mgr(dbd, *words, check=False)
        assert done.returncode == 1 and done.stdout + done.stderr, words
    assert rows(dbd, "assoc") == before


def test_dump_and_load_are_inverse(dbd, tmp_path):
    mgr(dbd, "add", "cluster", "demo", "MaxJobs=9")
    mgr(dbd, "add", "qos", "high,low")
    mgr(dbd, "add", "account", "physics", "Description=Phys Dept", "GrpTRES=cpu=16,gres/gpu:a100=4", "MaxWall=1-0", "QOS=low")
    mgr(dbd, "add", "account", "a,b", "parent=physics")
    mgr(dbd, "add", "user", "joe,ann", "account=physics,a", "fairshare=3")
    mgr(dbd, "add", "user", "joe", "account=a", "partition=p1", "MaxJobs=2", "QOS=+high")
    mgr(dbd, "modify", "user", "joe", "set", "defaultaccount=a", "adminlevel=operator")
    mgr(dbd, "add", "user", "bob", "account=b", "wckey=w1,w2")
    mgr(dbd, "add", "coordinator", "account=physics", "names=ann")
    asked = ["assoc", "account", "user", "wckey"], ["-nP", "list"]
    before = [rows(dbd, what) for what in asked[0]] + [rows(dbd, "user", "withcoord")]
    file = tmp_path / "demo.cfg"
    assert "Account - 'physics':Description='phys dept':Organization='physics':Fairshare=1:" in \
        mgr(dbd, "dump", "demo", f"file={file}").stdout
    for words in (["account", "physics,a,b"], ["user", "joe,ann,bob"]):
        mgr(dbd, "delete", *words)
    assert [rows(dbd, what) for what in asked[0]] != before[:4]
    mgr(dbd, "load", f"file={file}")
    assert [rows(dbd, what) for what in asked[0]] + [rows(dbd, "user", "withcoord")] == before
    mgr(dbd, "load", str(file), "clean")
    assert [rows(dbd, what) for what in asked[0]] + [rows(dbd, "user", "withcoord")] == before
    file.write_text("Cluster - 'demo'\nParent - 'root'\nAccount - 'x':NoSuch=3\n")
    bad = mgr(dbd, "load", f"file={file}", check=False)
    assert bad.returncode == 1 and "Unknown option: NoSuch=3" in bad.stderr and "line(3)" in bad.stderr


@pytest.mark.skipif(os.geteuid() != 0, reason="speaks as another user")
def test_others_may_look_and_coordinators_stay_below(dbd):
    name = "nobody"
    uid = pwd.getpwnam(name).pw_uid
    mgr(dbd, "add", "cluster", "demo")
    mgr(dbd, "add", "account", "top")
    mgr(dbd, "add", "account", "sub", "parent=top")
    mgr(dbd, "add", "user", f"{name},joe", "account=sub")

    def as_nobody(*words):
        return subprocess.run([str(dbd.build / "sacctmgr"), "-i", *words], env=dbd.env, user=uid, group=uid, cwd="/",
                              capture_output=True, text=True, timeout=60)
    assert "sub" in as_nobody("list", "assoc").stdout
    refused = as_nobody("modify", "user", "joe", "set", "maxjobs=9")
    assert refused.returncode == 1 and "privilege" in refused.stderr
    mgr(dbd, "add", "coordinator", "account=top", f"names={name}")
    assert as_nobody("modify", "user", "joe", "set", "maxjobs=9").returncode == 0
    for words in (["modify", "user", name, "set", "maxjobs=9"], ["modify", "account", "top", "set", "grpjobs=9"],
                  ["modify", "user", name, "set", "adminlevel=operator"], ["add", "qos", "mine"]):
        assert as_nobody(*words).returncode == 1, words
    assert rows(dbd, "user", name, "format=user,admin") == [f"{name}|None"]


def test_a_controller_makes_its_cluster_known():
    with Cluster(nodes=2, cpus=4, memory=2000, conf="AccountingStorageTRES=gres/gpu\n") as c:
        assert wait_for(lambda: rows(c, "cluster", "format=cluster,controlport") == [f"demo|{c.ctld_port}"])
        assert rows(c, "cluster", "format=tres") == ["cpu=8,mem=4000,node=2,billing=8,gres/gpu"]
        assert "gres|gpu" in rows(c, "tres", "format=type,name")


def test_events_jobs_and_runaways():
    with Cluster(nodes=2) as c:
        c.run("scontrol", "update", "nodename=n2", "state=drain", "reason=broken fan")
        assert wait_for(lambda: rows(c, "event", "format=cluster,node,state,reason,user"))
        assert rows(c, "event", "format=cluster,node,reason") == ["demo|n2|broken fan"]
        job = c.sbatch("-o", "/dev/null", "--wrap", "true")
        c.wait_state(job)
        comment = "JS1:AbC+/=="
        assert wait_for(lambda: c.run("sacctmgr", "-i", "update", "job", "where", f"jobid={job}", "set",
                                      f"AdminComment={comment}", check=False).returncode == 0)
        assert c.out("sacct", "-nXP", "-j", job, "-o", "admincomment").strip() == comment
        assert c.run("sacctmgr", "-i", "update", "job", "jobid=99999", "set", "comment=x", check=False).returncode == 1
        assert c.out("sacctmgr", "show", "runaway") == "Runaway Jobs: No runaway jobs found on cluster demo\n"
        for what in ("stats", "config", "problem", "federation", "reservation", "tres"):
            assert c.run("sacctmgr", "show", what).stdout
