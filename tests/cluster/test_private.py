"""PrivateData of slurmdbd.conf: what others did and who they are is theirs; operators and coordinators see what is below them."""
import os
import pathlib
import pwd
import subprocess
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "tools"))
from cluster import Cluster, wait_for  # noqa: E402

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="speaks as another user")


class Private(Cluster):
    def write_files(self):
        super().write_files()
        with (self.dir / "slurmdbd.conf").open("a") as conf:
            conf.write("PrivateData=jobs,users,accounts,usage\n")


def test_others_see_their_own():
    nobody = pwd.getpwnam("nobody")

    def as_nobody(*words):
        done = subprocess.run([str(c.build / words[0]), *words[1:]], env=c.env, user=nobody.pw_uid, group=nobody.pw_gid,
                              extra_groups=[], cwd="/", capture_output=True, text=True, timeout=60)
        return done.stdout
    with Private(nodes=1) as c:
        for words in (["account", "top"], ["account", "side"], ["user", "nobody,joe", "account=top"], ["user", "joe", "account=side"]):
            c.run("sacctmgr", "-i", "add", *words)
        job = c.sbatch("-o", "/dev/null", "--wrap", "true")
        c.wait_state(job)
        assert wait_for(lambda: c.out("sacct", "-nXP", "-a", "-o", "jobid") == f"{job}\n")
        assert as_nobody("sacct", "-nXP", "-a", "-o", "jobid") == ""
        assert as_nobody("sacct", "-nXP", "-j", job, "-o", "jobid") == ""
        assert as_nobody("sacctmgr", "-nP", "list", "user", "format=user") == "nobody\n"
        assert as_nobody("sacctmgr", "-nP", "list", "account", "format=account") == "top\n"
        assert "joe" not in as_nobody("sacctmgr", "-nP", "list", "assoc", "format=account,user")
        c.run("sacctmgr", "-i", "add", "coordinator", "account=top", "names=nobody")
        assert as_nobody("sacctmgr", "-nP", "list", "assoc", "user=joe", "format=account,user") == "top|joe\n"
        c.run("sacctmgr", "-i", "modify", "user", "nobody", "set", "adminlevel=operator")
        assert as_nobody("sacct", "-nXP", "-a", "-o", "jobid") == f"{job}\n"
        assert "side|joe" in as_nobody("sacctmgr", "-nP", "list", "assoc", "format=account,user")


def test_a_readable_slurmdbd_conf_is_refused_with_the_command_that_mends_it():
    c = Cluster(nodes=1)
    try:
        c.write_files()
        c.start_munged()
        (c.dir / "slurmdbd.conf").chmod(0o644)
        done = c.run("slurmdbd", "-D", check=False)
        assert done.returncode != 0 and f"chmod 600 {c.dir}/slurmdbd.conf" in done.stderr
    finally:
        c.stop()
