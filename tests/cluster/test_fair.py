"""One user's flood of requests is that user's problem."""
import os
import subprocess
import sys
import time

import pytest
from cluster import Cluster, wait_for

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="needs two users")

AS_NOBODY = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]
AS_DAEMON = ["setpriv", "--reuid=1", "--regid=1", "--clear-groups"]

# argv: port, connections, requests each.  Prints how many answers came and how many were refusals (flag 2).
FLOOD = r"""
import select, socket, struct, sys
port, count, each = map(int, sys.argv[1:])
ping = struct.pack(">IHHII", 0x534C5531, 1002, 0, 1, 0)
conns = {}
for _ in range(count):
    s = socket.socket(socket.AF_UNIX)
    s.connect(f"\0sluice/slurmctld/{port}")
    s.setblocking(False)
    conns[s] = [ping * each, b""]
print("connected", flush=True)
answers = refusals = 0
left = dict.fromkeys(conns, each)
while any(left.values()):
    readable, writable, _ = select.select([s for s in conns if left[s]], [s for s in conns if conns[s][0]], [], 60)
    assert readable or writable, "nothing for a minute"
    for s in writable:
        try:
            conns[s][0] = conns[s][0][s.send(conns[s][0][:65536]):]
        except BlockingIOError:
            pass
    for s in readable:
        data = s.recv(1 << 20)
        assert data, "hung up"
        data = conns[s][1] + data
        at = 0
        while len(data) - at >= 16:
            _, _, flags, _, size = struct.unpack_from(">IHHII", data, at)
            if len(data) - at < 16 + size:
                break
            at += 16 + size
            left[s] -= 1
            answers += 1
            refusals += flags >> 1 & 1
        conns[s][1] = data[at:]
print(answers, refusals)
"""


def flood(cluster, connections, each):
    p = subprocess.Popen([*AS_NOBODY, "/usr/bin/python3", "-c", FLOOD, str(cluster.ctld_port), str(connections), str(each)],
                         stdout=subprocess.PIPE, text=True)
    assert p.stdout.readline() == "connected\n"
    return p


def test_one_users_flood_does_not_keep_others_waiting():
    with Cluster(nodes=1, dbd=False) as c:
        for _ in range(5):
            c.sbatch("-H", "-a", "1-20", "-o", "/dev/null", script="#!/bin/sh\n")
        p = flood(c, 50, 1000)
        slowest = answered = 0
        while p.poll() is None and answered < 50:
            start = time.monotonic()
            assert "PD" in c.run(*AS_DAEMON, c.build / "squeue", "-h").stdout
            slowest = max(slowest, time.monotonic() - start)
            answered += 1
        assert answered > 0
        assert p.communicate(timeout=120)[0].split() == ["50000", "0"]
        print(f"50,000 questions of one user; {answered} of another meanwhile, the slowest {slowest * 1000:.0f} ms")


def test_buckets_of_rl_enable():
    with Cluster(nodes=1, dbd=False,
                 conf="SlurmctldParameters=rl_enable,rl_bucket_size=20,rl_refill_rate=1\n") as c:
        answers, refusals = map(int, flood(c, 5, 100).communicate(timeout=60)[0].split())
        assert answers == 500 and 400 < refusals <= 480
        done = c.run(*AS_NOBODY, c.build / "squeue", check=False)
        assert "Too many requests" in done.stderr or done.returncode == 0
        assert c.run(*AS_DAEMON, c.build / "squeue").returncode == 0
        assert c.run("squeue").returncode == 0
