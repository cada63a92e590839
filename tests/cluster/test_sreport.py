"""sreport on a rule book and sums that were put there by hand: the text is what Debian's sreport printed for the same figures."""
import os
import pathlib
import sqlite3
import sys
import time

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "tools"))
from cluster import Cluster  # noqa: E402

LINE = "-" * 80
USED = [("joe", "phys", "", "cpu", 7200), ("ann", "phys", "", "cpu", 3600), ("ann", "chem", "", "cpu", 1800),
        ("zoe", "chem", "w1", "cpu", 600), ("joe", "phys", "", "mem", 720000), ("", "", "", "planned", 91600)]


@pytest.fixture(scope="module")
def dbd():
    os.environ["TZ"] = "UTC"
    time.tzset()
    c = Cluster(nodes=1)
    try:
        c.write_files()
        c.start_munged()
        c.start_dbd()
        for words in (["cluster", "demo"], ["account", "phys"], ["account", "chem"], ["user", "joe,ann", "account=phys"],
                      ["user", "ann,zoe", "account=chem"]):
            c.run("sacctmgr", "-i", "add", *words)
        c.dbd.stop()
        midnight = time.time() // 86400 * 86400 - 86400
        with sqlite3.connect(c.dir / "dbd" / "acct.db") as db:
            db.executemany("INSERT INTO used (cluster,period,start,account,user,wckey,qos,tres,seconds)"
                           " VALUES ('demo',1,?,?,?,?,'',?,?)", [(midnight, a, u, w, t, s) for u, a, w, t, s in USED])
            db.execute("INSERT INTO cluster_size VALUES ('demo',?,'cpu=8,mem=8000')", [midnight - 86400])
            db.execute("INSERT INTO node_event (cluster,instance,seq,node,state,reason,uid,time,cpus)"
                       " VALUES ('demo',1,1,'n1','DOWN','',0,?,1)", [midnight - 86400])
        c.start_dbd()
        yield c
    finally:
        c.stop()


def body(c, *words):
    lines = c.run("sreport", *words).stdout.splitlines()
    assert lines[0] == lines[3] == LINE
    return lines[1:3], [line.rstrip() for line in lines[4:]]


def test_title_and_tree(dbd):
    title, rows = body(dbd, "cluster", "AccountUtilizationByUser")
    day = time.strftime("%Y-%m-%d", time.gmtime(time.time() - 86400))
    assert title == [f"Cluster/Account/User Utilization {day}T00:00:00 - {day}T23:59:59 (86400 secs)",
                     "Usage reported in CPU Minutes"]
    assert rows == """\
  Cluster         Account     Login     Proper Name     Used   Energy
--------- --------------- --------- --------------- -------- --------
     demo            root                                220        0
     demo            chem                                 40        0
     demo            chem       ann                       30        0
     demo            chem       zoe                       10        0
     demo            phys                                180        0
     demo            phys       ann                       60        0
     demo            phys       joe                      120        0""".split("\n")
    assert body(dbd, "cluster", "acc", "tree")[1][2:4] == [
        "     demo root                                                220        0",
        "     demo  chem                                                40        0"]


def test_users_keys_and_top(dbd):
    assert body(dbd, "cluster", "UserUtilizationByAccount")[1] == """\
  Cluster     Login     Proper Name         Account     Used   Energy
--------- --------- --------------- --------------- -------- --------
     demo       joe                            phys      120        0
     demo       ann                            phys       60        0
     demo       ann                            chem       30        0
     demo       zoe                            chem       10        0""".split("\n")
    assert body(dbd, "cluster", "WCKeyUtilizationByUser")[1][2:] == [
        "     demo              w1                                 10",
        "     demo              w1       zoe                       10"]
    assert body(dbd, "user", "TopUsage", "topcount=1")[1][2:] == [
        "     demo       joe                            phys      120        0"]
    assert "     demo       ann                      chem, phys       90        0" in body(dbd, "user", "top", "group")[1]


def test_units_tres_and_formats(dbd):
    assert body(dbd, "-t", "percent", "user", "top", "topcount=1")[1][2].endswith("   1.04%    0.00%")
    assert body(dbd, "-t", "hourper", "cluster", "acc")[1][2].endswith("          4(1.91%)          0(0.00%)")
    title, rows = body(dbd, "-T", "cpu,mem", "cluster", "user", "users=joe")
    assert title[1] == "Usage reported in TRES Minutes"
    assert rows[2:] == ["     demo       joe                            phys            cpu      120",
                        "     demo       joe                            phys            mem    12000"]
    assert dbd.run("sreport", "-nP", "cluster", "acc", "user=ann", "format=login,account,used").stdout == \
        "ann|chem|30\nann|phys|60\n"
    assert dbd.run("sreport", "-np", "cluster", "acc", "account=phys", "format=login,used").stdout == "|180|\nann|60|\njoe|120|\n"


def test_cluster_utilization(dbd):
    assert body(dbd, "cluster", "Utilization")[1] == """\
  Cluster Allocate     Down PLND Dow     Idle  Planned Reported
--------- -------- -------- -------- -------- -------- --------
     demo      220     1440        0     8333     1527    11520""".split("\n")


def test_what_is_wrong(dbd):
    for words, said in ((["foo"], "invalid keyword: foo"), (["cluster"], "too few arguments for keyword:cluster"),
                        (["cluster", "foo"], "Not valid report foo"), (["-T", "nosuch", "cluster", "util"], "No valid TRES"),
                        (["cluster", "acc", "nosuch=3"], "Unknown condition: nosuch=3"),
                        (["cluster", "acc", "format=nosuch"], "Unknown field 'nosuch'")):
        done = dbd.run("sreport", *words, check=False)
        assert done.returncode == 1 and said in done.stderr, words
