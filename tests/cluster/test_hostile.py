"""What a hostile local user or network peer may try: garbage, silence, floods, other people's jobs."""
import os
import random
import socket
import struct
import time

import pytest
from cluster import wait_for

AS_NOBODY = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]
MAGIC = 0x534C5531


def frame(opcode, body=b"", flags=0, request=1):
    return struct.pack(">IHHII", MAGIC, opcode, flags, request, len(body)) + body


def local_socket(c):
    s = socket.socket(socket.AF_UNIX)
    s.connect(f"\0sluice/slurmctld/{c.ctld_port}")
    return s


def alive(c):
    return c.ctld.running() and c.run("scontrol", "ping", check=False).returncode == 0


def test_garbage_on_every_port(shared):
    rng = random.Random(3)
    for port in (shared.ctld_port, shared.dbd_port):
        for _ in range(60):
            with socket.create_connection(("127.0.0.1", port)) as s:
                s.sendall(rng.randbytes(rng.randrange(1, 4000)))
    assert alive(shared) and shared.dbd.running()


def test_frames_with_mutated_bodies(shared):
    rng = random.Random(5)
    for _ in range(400):
        with local_socket(shared) as s:
            opcode = rng.choice([1, 1001, 1002, 1003, 1004, 2001, 2003, 2101, 4003, 4004, 4005, 4013, 5001, 5002, 65535, 0])
            s.sendall(frame(opcode, rng.randbytes(rng.randrange(0, 200)), rng.choice([0, 1, 3])))
    assert alive(shared)


def test_a_declared_gigabyte_is_not_allocated(shared):
    def rss():
        return int(open(f"/proc/{shared.ctld.pid}/statm").read().split()[1]) * 4096
    before = rss()
    held = []
    for _ in range(50):
        s = local_socket(shared)
        s.sendall(struct.pack(">IHHII", MAGIC, 1002, 0, 1, (1 << 30) - 1))
        held.append(s)
    time.sleep(0.3)
    assert alive(shared)
    assert rss() - before < 64 << 20
    for s in held:
        s.close()


def test_silent_connections_do_not_block_others(shared):
    held = [socket.create_connection(("127.0.0.1", shared.ctld_port)) for _ in range(300)]
    assert alive(shared)
    for s in held:
        s.close()


def test_submit_of_hostile_text_round_trips(shared):
    names = ["'; DROP TABLE job; --", "a b\tc", "x\x1b[31mred", "ü€", "%n%s%n", "$(touch /tmp/x)", "`id`", "\"q\"", "a|b"]
    for name in names:
        job = shared.sbatch("-H", "-J", name, script="#!/bin/sh\n")
        shown = shared.run("squeue", "-h", "-j", job, "-o", "%j").stdout
        assert shown == name + "\n", (name, shown)
        shared.run("scancel", job)
        wait_for(lambda: shared.out("sacct", "-n", "-X", "-P", "-j", job, "-o", "JobName"), 10)
        assert shared.out("sacct", "-n", "-X", "-P", "-j", job, "-o", "JobName").startswith(name.split("|")[0])


needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="needs a second user")


@needs_root
def test_other_users_jobs_are_safe(shared):
    job = shared.sbatch("-H", script="#!/bin/sh\n")
    for command in (["scancel", job], ["scontrol", "release", job], ["scontrol", "update", f"jobid={job}", "priority=9"],
                    ["scontrol", "requeue", job], ["scontrol", "update", "nodename=n1", "state=down", "reason=x"],
                    ["scontrol", "update", "partitionname=main", "state=down"], ["scontrol", "reconfigure"],
                    ["scontrol", "shutdown"]):
        done = shared.run(*AS_NOBODY, shared.build / command[0], *command[1:], check=False)
        assert done.returncode != 0 and "denied" in done.stderr.lower(), (command, done)
    assert shared.state(job) == "PENDING" and alive(shared)
    assert shared.out("sinfo", "-h", "-n", "n1", "-o", "%t").strip() in ("idle", "mix", "alloc")
    shared.run("scancel", job)


@needs_root
def test_only_root_submits_for_others(shared):
    done = shared.run(*AS_NOBODY, shared.build / "sbatch", "--uid=0", "--wrap", "id", check=False)
    assert done.returncode == 1
    done = shared.run(*AS_NOBODY, shared.build / "sbatch", "--parsable", "-D", "/tmp", "-o", "/dev/null", "--wrap", "true")
    job = done.stdout.strip()
    assert "UserId=nobody(65534)" in shared.out("scontrol", "show", "job", job)


@needs_root
def test_output_is_opened_as_the_user(shared):
    """R6: a job of nobody cannot make root write where nobody may not."""
    target = shared.dir / "state" / "stolen"
    job = shared.run(*AS_NOBODY, shared.build / "sbatch", "--parsable", "-D", "/tmp", "-o", target, "--wrap", "echo x").stdout.strip()
    assert shared.wait_state(job) == "FAILED"
    assert not target.exists()
    assert "ExitCode=0:53" in shared.out("scontrol", "show", "job", job)


@needs_root
def test_nodes_and_controllers_cannot_be_played_by_users(shared):
    """A user's own connection may not send node or accounting requests."""
    import subprocess
    code = (f"import socket,struct\n"
            f"for port_name, ops in (('slurmctld/{shared.ctld_port}', (2001, 2002, 2003, 2004)), ('slurmdbd/{shared.dbd_port}', (3001, 3002))):\n"
            f"  for op in ops:\n"
            f"    s = socket.socket(socket.AF_UNIX); s.connect('\\0sluice/' + port_name); s.settimeout(10)\n"
            f"    s.sendall(struct.pack('>IHHII', {MAGIC}, op, 0, 7, 0))\n"
            f"    h = s.recv(16, socket.MSG_WAITALL); m, o, f, r, n = struct.unpack('>IHHII', h)\n"
            f"    b = s.recv(n, socket.MSG_WAITALL)\n"
            f"    assert f == 3 and b'denied' in b, (op, f, b)\n"
            f"print('ok')\n")
    done = subprocess.run([*AS_NOBODY, "/usr/bin/python3", "-c", code], capture_output=True, text=True)
    assert done.stdout == "ok\n", done
