"""MPI programs of Debian's MPICH and Open MPI, started by srun on four nodes."""
import os
import shutil
import subprocess

import pytest
from cluster import ROOT, Cluster

RIGHT = "16 ranks: ring 120, sum 120\n"


@pytest.fixture(scope="module")
def four():
    with Cluster(nodes=4, cpus=4, conf="MpiDefault=none\n") as c:
        yield c


def compiled(c, compiler, name):
    if not shutil.which(compiler):
        pytest.skip(f"{compiler} is not installed")
    program = c.dir / "out" / name
    if not program.exists():
        subprocess.run([compiler, "-O1", "-o", program, ROOT / "tests/mpi/ring.c"], check=True, capture_output=True)
        program.chmod(0o755)
    return program


def test_the_list(four):
    assert four.out("srun", "--mpi=list").split("\n")[0] == "MPI plugin types are..."


@pytest.mark.parametrize("layout", ["block", "cyclic", "plane=2"])
def test_mpich_by_pmi(four, layout):
    ring = compiled(four, "mpicc.mpich", "ring-mpich")
    done = four.run("srun", "-N4", "-n16", "-m", layout, "--mpi=pmi2", ring, timeout=120)
    assert done.stdout == RIGHT, done.stderr


def test_one_node(four):
    ring = compiled(four, "mpicc.mpich", "ring-mpich")
    assert four.run("srun", "-N1", "-n4", "--mpi=pmi2", ring, timeout=60).stdout == "4 ranks: ring 6, sum 6\n"


def test_inside_an_allocation(four):
    ring = compiled(four, "mpicc.mpich", "ring-mpich")
    done = four.run("salloc", "-N4", "-n16", "sh", "-c", f"srun --mpi=pmi2 {ring}; srun --mpi=pmi2 {ring}", timeout=120)
    assert done.stdout == RIGHT * 2, done.stderr


def pmix(c):
    if not (c.build / "slurmstepd-pmix").exists():
        pytest.skip("built without libpmix")


@pytest.mark.parametrize("layout", ["block", "cyclic"])
def test_open_mpi_by_pmix(four, layout):
    pmix(four)
    ring = compiled(four, "mpicc.openmpi", "ring-openmpi")
    done = four.run("srun", "-N4", "-n16", "-m", layout, "--mpi=pmix", ring, timeout=25)
    assert done.stdout == RIGHT, done.stderr


def test_mpirun_starts_its_daemons_by_srun(four):
    """btl: the four nodes are one machine, and Open MPI's shared memory is named after the machine."""
    ring = compiled(four, "mpicc.openmpi", "ring-openmpi")
    root = ["--allow-run-as-root"] if os.geteuid() == 0 else []
    done = four.run("salloc", "-Q", "-N4", "-n16", "mpirun.openmpi", *root, "--mca", "btl", "self,tcp", ring, timeout=60)
    assert done.stdout == RIGHT, done.stderr
