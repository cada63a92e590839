"""Fixtures: one shared cluster for tests that only use it, private ones for tests that break it."""
import pathlib
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "tools"))
from cluster import Cluster  # noqa: E402


@pytest.fixture(scope="session")
def shared():
    """A cluster of four nodes that everybody may submit to.  Do not stop its daemons."""
    with Cluster(nodes=4) as c:
        yield c


@pytest.fixture
def cluster():
    """A cluster of its own for a test that kills or reconfigures things."""
    with Cluster(nodes=2) as c:
        yield c
