"""Cgroup v2: a user-mode Linux is booted on this machine's own files, and runs test_confine.py and test_gpu.py inside.
It has one slow CPU and no cpuset; everything else is as on a big machine."""
import os
import pathlib
import shutil
import subprocess
import sys

import pytest
from cluster import ROOT

INIT = """#!/bin/sh
export PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LC_ALL=C.UTF-8 SLUICE_BUILD={build} PYTHONDONTWRITEBYTECODE=1
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t tmpfs tmpfs /run
mount -t tmpfs tmpfs /tmp
mount -t cgroup2 cgroup2 /sys/fs/cgroup
ip link set lo up
cd {root}
{build}/test_cgroup
echo unit-status $?
{python} -m pytest -p no:cacheprovider -q tests/cluster/test_confine.py tests/cluster/test_gpu.py
echo cluster-status $?
busybox poweroff -f
"""


def plain_build():
    """The build under test, or the demo's, whichever comes without ASan."""
    for build in (pathlib.Path(os.environ.get("SLUICE_BUILD", ROOT / "build")), ROOT / "build"):
        program = build / "slurmstepd"
        if program.exists() and (build / "test_cgroup").exists() and b"__asan_init" not in program.read_bytes():
            return build.resolve()
    return None


@pytest.mark.skipif(os.geteuid() != 0, reason="a user-mode Linux on this root needs root")
@pytest.mark.skipif(not shutil.which("linux.uml") or not shutil.which("busybox"),
                    reason="packages user-mode-linux and busybox-static are not there")
def test_the_same_under_cgroup_v2():
    build = plain_build()
    if not build:
        pytest.skip("user-mode Linux has not the address space for ASan, and there is no other build: make demo makes one")
    init = build / "uml-init.sh"
    init.write_text(INIT.format(build=build, root=ROOT, python=sys.executable))
    init.chmod(0o755)
    done = subprocess.run(["linux.uml", "mem=768M", "root=/dev/root", "rootfstype=hostfs", "rootflags=/", "rw",
                           f"init={init.resolve()}", "con=null", "con0=fd:0,fd:1", "quiet"],
                          stdin=subprocess.DEVNULL, capture_output=True, text=True, errors="replace", timeout=240)
    if "unit-status" not in done.stdout:
        pytest.skip("user-mode Linux does not boot here: " + done.stdout[-300:])
    assert "unit-status 0" in done.stdout and "cluster-status 0" in done.stdout, done.stdout[-8000:]
    assert "skipped" not in done.stdout or "2 skipped" in done.stdout  # those that need two CPUs
