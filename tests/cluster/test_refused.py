"""A node that may not join says why, where an administrator looks first: sinfo -R and slurmd's log."""
import pwd
import os
import re
import signal

from cluster import wait_for


def other_guard(cluster):
    """A second munged with a key of its own, and a slurm.conf that names it."""
    d = cluster.dir / "munge2"
    d.mkdir()
    key = d / "munge.key"
    key.touch(mode=0o600)
    key.write_bytes(os.urandom(128))
    guard = cluster._daemon("munged2", "munged", "-F", f"--key-file={key}", f"--socket={d}/munge.socket",
                            f"--pid-file={d}/munged.pid", f"--log-file={d}/munged.log", f"--seed-file={d}/munged.seed")
    guard.start()
    assert wait_for((d / "munge.socket").exists)
    conf = cluster.dir / "other.conf"
    conf.write_text(cluster.conf_text(pwd.getpwuid(os.geteuid()).pw_name).replace(str(cluster.munge_socket), f"{d}/munge.socket"))
    return guard, key, conf


def test_node_with_another_key_is_named_and_joins_once_it_has_the_right_one(cluster):
    guard, key, conf = other_guard(cluster)
    try:
        cluster.nodes["n1"].stop()
        node = cluster._daemon("slurmd.n1", "slurmd", "-D", "-N", "n1", "-f", conf, "-d", cluster.build / "slurmstepd")
        cluster.nodes["n1"] = node.start()
        words = r"authentication: key fingerprint ([0-9a-f]{8}), expected ([0-9a-f]{8})"
        said = wait_for(lambda: re.search(words, cluster.out("sinfo", "-h", "-R", "-o", "%N %E")), 15)
        assert said, cluster.out("sinfo", "-R") + cluster.logs()
        assert said[1] != said[2]
        assert said[0] in cluster.out("scontrol", "show", "node", "n1")
        assert said[0] not in cluster.out("scontrol", "show", "node", "n2")
        assert said[0] in (cluster.dir / "log" / "slurmd.n1.log").read_text()
        assert said[0] in (cluster.dir / "log" / "slurmctld.log").read_text()
        key.write_bytes((cluster.dir / "munge" / "munge.key").read_bytes())
        guard.process.send_signal(signal.SIGHUP)
        cluster.wait_nodes(10)
        assert "authentication" not in cluster.out("sinfo", "-h", "-R", "-o", "%E")
    finally:
        guard.stop()
