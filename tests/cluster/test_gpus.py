"""Generic resources through the commands: counted, shown with their devices, given back."""
import pytest
from cluster import Cluster, wait_for

SLEEP = "#!/bin/sh\nsleep 60\n"


@pytest.fixture(scope="module")
def gpus():
    """Two nodes of four GPUs and eight shares."""
    with Cluster(nodes=2, conf="GresTypes=gpu,shard\nLicenses=matlab:4,ansys\n", node_conf="Gres=gpu:a100:4,shard:8", dbd=False) as c:
        yield c


def record(c, *what):
    return dict(w.split("=", 1) for w in c.out("scontrol", "-d", "show", *what).split() if "=" in w)


def test_devices_are_given_shown_and_given_back(gpus):
    assert gpus.out("sinfo", "-h", "-o", "%G").strip() == "gpu:a100:4,shard:8"
    first = gpus.sbatch("--gres=gpu:1", script=SLEEP)
    second = gpus.sbatch("--gpus=a100:6", script=SLEEP)
    assert wait_for(lambda: gpus.out("squeue", "-h", "-o", "%t").split() == ["R", "R"], 10)
    one, two = record(gpus, "job", first), record(gpus, "job", second)
    assert one["TresPerNode"] == "gres:gpu:1" and two["TresPerJob"] == "gres:gpu:a100:6"
    assert one["GRES"] == "gpu:a100:1(IDX:0)" and two["NumNodes"] == "2"
    node = record(gpus, "node", "n1")
    assert node["Gres"] == "gpu:a100:4,shard:8"
    assert node["GresUsed"] == "gpu:a100:3(IDX:0-2),shard:0(0/2,0/2,0/2,0/2)"
    assert gpus.out("squeue", "-h", "-j", first, "-o", "%b").strip() == "gres:gpu:1"
    waits = gpus.sbatch("--gres=gpu:4", script=SLEEP)
    assert wait_for(lambda: gpus.out("squeue", "-h", "-j", waits, "-o", "%r").strip() == "Resources", 10)
    gpus.run("scancel", first, second)
    assert wait_for(lambda: gpus.out("squeue", "-h", "-j", waits, "-o", "%t").strip() == "R", 20)
    gpus.run("scancel", waits)


def test_licenses_are_shown(gpus):
    job = gpus.sbatch("-L", "matlab:3", script=SLEEP)
    waits = gpus.sbatch("-L", "matlab:2,ansys", script=SLEEP)
    assert wait_for(lambda: gpus.out("squeue", "-h", "-j", waits, "-o", "%r").strip() == "Licenses", 10)
    assert gpus.out("scontrol", "show", "licenses", "matlab").split() == [
        "LicenseName=matlab", "Total=4", "Used=3", "Free=1", "Reserved=0", "Remote=no"]
    gpus.run("scancel", job, waits)
    assert wait_for(lambda: "Used=0" in gpus.out("scontrol", "-o", "show", "licenses", "matlab"), 20)


@pytest.mark.parametrize("argv, words", [
    (("--gres=gpu:5",), "Requested node configuration is not available"),
    (("--gres=tpu:1",), "Invalid generic resource (gres) specification"),
    (("--gres=gpu:1,gpu:a100:1",), "Invalid GRES specification (with and without type identification)"),
    (("--gres=gpu:1,shard:1",), "Invalid generic resource (gres) specification"),
    (("--gpus=4", "--gpus-per-node=3"), "Invalid generic resource (gres) specification"),
])
def test_what_can_never_be_given_is_refused(gpus, argv, words):
    done = gpus.run("sbatch", *argv, "--wrap", "true", check=False)
    assert done.returncode == 1 and words in done.stderr
