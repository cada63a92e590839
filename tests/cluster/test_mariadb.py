"""slurmdbd on MariaDB: the store's own tests, and jobs counted exactly once while the database is killed and rolled back."""
import os
import pathlib
import subprocess
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "tools"))
import mariadb  # noqa: E402
from cluster import Cluster, wait_for  # noqa: E402

pytestmark = pytest.mark.skipif(not mariadb.is_there(), reason="mariadb-server is not installed")


@pytest.fixture
def sql(tmp_path):
    server = mariadb.MariaDB(tmp_path / "sql")
    try:
        yield server.create()
    finally:
        server.stop()


class OnMariaDB(Cluster):
    def __init__(self, sql, **more):
        super().__init__(**more)
        self.sql = sql

    def write_files(self):
        super().write_files()
        conf = self.dir / "slurmdbd.conf"
        text = conf.read_text().replace(f"StorageLoc={self.dir}/dbd/acct.db", "StorageLoc=acct")
        conf.write_text(f"{text}StorageType=accounting_storage/mysql\nStorageHost={self.sql.socket}\nStorageUser=root\n")


def test_the_stores_own_tests(sql):
    build = pathlib.Path(os.environ.get("SLUICE_BUILD", pathlib.Path(__file__).resolve().parents[2] / "build"))
    for name in ("test_store", "test_usage", "test_rules_hostile"):
        done = subprocess.run([build / name], env=dict(os.environ, STORE_TEST_MYSQL=str(sql.socket)), capture_output=True,
                              text=True)
        assert done.returncode == 0, done.stdout + done.stderr


def ended(c):
    lines = c.out("sacct", "-aXnP", "-S", "now-1hour", "-o", "jobid,state").split()
    return [line.split("|")[0] for line in lines if line.endswith("|COMPLETED")]


def submit(c, n):
    return [c.sbatch("-o", "/dev/null", "--wrap", "true") for _ in range(n)]


def test_exactly_once_through_kills_and_a_rollback(sql):
    with OnMariaDB(sql, nodes=2, cpus=8) as c:
        c.run("sacctmgr", "-i", "add", "account", "physics")
        jobs = submit(c, 10)
        assert wait_for(lambda: len(ended(c)) == 10, 30)

        sql.kill()  # the middle of everything: jobs go on, sacct says so, the events wait
        jobs += submit(c, 10)
        assert "sacct: error" in c.run("sacct", check=False).stderr
        sql.start()
        assert wait_for(lambda: len(ended(c)) == 20, 60), c.logs()

        sql.stop()  # a copy is what a replica that lost its tail would have
        sql.save("before")
        sql.start()
        jobs += submit(c, 10)
        c.run("sacctmgr", "-i", "add", "account", "late")
        assert wait_for(lambda: len(ended(c)) == 30, 60), c.logs()
        sql.kill()
        sql.restore("before")
        sql.start()
        assert wait_for(lambda: len(ended(c)) == 30, 60), c.logs()
        assert sorted(ended(c), key=int) == sorted(jobs, key=int)
        assert sql.ask("SELECT COUNT(*), COUNT(DISTINCT job_id) FROM job", "acct") == "30\t30"
        assert c.out("sacctmgr", "-nP", "list", "account", "format=account").split() == ["physics", "root"]


def test_a_database_that_comes_late(sql):
    sql.stop()
    c = OnMariaDB(sql, nodes=1)
    try:
        c.write_files()
        c.start_munged()
        c.start_dbd()
        assert "no connection to its database" in c.run("sacctmgr", "list", "qos", check=False).stderr
        sql.start()
        assert wait_for(lambda: c.out("sacctmgr", "-nP", "list", "qos", "format=name").split() == ["normal"], 10)
    finally:
        c.stop()
