"""A user database that hangs: whoever it does not name waits alone, and hears why after five seconds."""
import os
import pathlib
import shutil
import subprocess
import time

import pytest
from cluster import Cluster, wait_for

AS_NOBODY = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]
SOURCE = pathlib.Path(__file__).with_name("slow_users.c")

pytestmark = pytest.mark.skipif(os.geteuid() != 0 or not shutil.which("cc"), reason="needs root and a compiler")


def test_a_silent_user_database_holds_up_nobody_else():
    with Cluster(nodes=1, dbd=False) as c:
        library, slow, usual = c.dir / "slow_users.so", c.dir / "slow", c.env
        subprocess.run(["cc", "-D_GNU_SOURCE", "-shared", "-fPIC", "-o", library, SOURCE], check=True)
        slow.touch()
        c.ctld.stop()
        c.env = dict(usual, LD_PRELOAD=str(library), SLOW_USERS=str(slow),
                     ASAN_OPTIONS=usual["ASAN_OPTIONS"] + ":verify_asan_link_order=0")
        c.start_ctld()
        c.env = usual
        c.wait_nodes()
        submit = [*AS_NOBODY, c.build / "sbatch", "--parsable", "-D", "/tmp", "-o", "/dev/null", "--wrap", "true"]
        waiting = subprocess.Popen(submit, env=c.env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd="/tmp")
        time.sleep(0.3)
        slowest = 0
        for _ in range(10):
            start = time.monotonic()
            c.sbatch("-o", "/dev/null", script="#!/bin/sh\n")
            c.run("squeue")
            slowest = max(slowest, time.monotonic() - start)
        assert waiting.poll() is None, waiting.communicate()
        print(f"sbatch and squeue of another user meanwhile: {slowest * 1000:.0f} ms at worst")
        _, words = waiting.communicate(timeout=30)
        assert waiting.returncode == 1 and "the user database does not answer: who is uid 65534?" in words
        slow.unlink()
        done = wait_for(lambda: [r for r in [c.run(*submit, check=False)] if r.returncode == 0], 10)
        assert done
        job = done[0].stdout.strip()
        assert "UserId=nobody(65534)" in c.out("scontrol", "show", "job", job)
        assert c.wait_state(job) == "COMPLETED"
