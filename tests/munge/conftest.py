"""Private directories for private daemons, and how many random credentials to try."""
import os
import pathlib
import shutil
import sys
import tempfile

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).parent))
import kit


def pytest_addoption(parser):
    parser.addoption("--count", type=int, default=2000, help="random credentials of the cross run")


@pytest.fixture
def place():
    """A directory that munged finds secure: every component is root's or ours, or sticky."""
    path = pathlib.Path(tempfile.mkdtemp(prefix="sluice-munge-"))
    path.chmod(0o755)
    yield path
    shutil.rmtree(path)


@pytest.fixture(params=["io_uring", "no io_uring"])
def ours(place, request):
    """Our daemon as this kernel lets it serve, and as it serves where io_uring is refused."""
    d = kit.Daemon(kit.OURS, place / "ours", os.urandom(128))
    d.prepare = kit.refuse_io_uring if request.param == "no io_uring" else None
    with d:
        kit.until(lambda: "Serving by" in d.log.read_text())
        if d.prepare:
            assert "Serving by a system call for each step: no io_uring: Operation not permitted" in d.log.read_text()
        yield d


@pytest.fixture
def pair(place):
    """Our daemon and Debian's with one key."""
    if not kit.have_debian():
        pytest.skip("Debian's munge is not installed")
    key = os.urandom(128)
    with kit.Daemon(kit.OURS, place / "ours", key) as a, kit.Daemon(kit.DEBIAN, place / "debian", key) as b:
        yield a, b
