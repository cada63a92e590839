#!/usr/bin/env python3
"""The same sacctmgr script against Debian's slurmdbd with MariaDB and against ours; prints what differs.

    acct.py [BUILD]          exit 1 when something differs that acct.txt gives no reason for

Both start with an empty rule book, without controllers.  A reason behind a command of acct.txt says why its answers may
differ; the reasons are in docs/differences.md too.
"""
import difflib
import pathlib
import re
import shlex
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "tools"), str(ROOT / "tests" / "perf")]
import debian  # noqa: E402
from cluster import Cluster  # noqa: E402

SCRIPT = (pathlib.Path(__file__).parent / "acct.txt").read_text()
SAME = [(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d", "TIME")]


def commands():
    """The script: one command a line; '#' begins a reason why the answers may differ."""
    for line in SCRIPT.splitlines():
        command, _, why = line.partition("  #")
        if command.strip():
            yield command.strip(), why.strip()


def answer(cluster, command):
    done = cluster.run("sacctmgr", *shlex.split(command), check=False, stdin=-3)
    text = f"{done.stdout}{done.stderr}=> {done.returncode}\n"
    for pattern, word in SAME:
        text = re.sub(pattern, word, text)
    return "\n".join(line.rstrip() for line in text.splitlines())


def start(cluster, sql):
    cluster.write_files()
    cluster.start_munged()
    if sql:
        cluster.start_sql()
    Cluster.start_dbd(cluster)
    return cluster


def main():
    if debian.missing():
        sys.exit(f"not installed: {debian.missing()}")
    ours, theirs = Cluster(build=sys.argv[1] if len(sys.argv) > 1 else None, nodes=1), debian.Debian(nodes=1)
    wrong = total = 0
    try:
        start(theirs, True)
        start(ours, False)
        for command, why in commands():
            want, got = answer(theirs, command), answer(ours, command)
            total += 1
            if want == got or why:
                continue
            wrong += 1
            print(f"$ sacctmgr {command}")
            print("\n".join(line for line in difflib.unified_diff(want.split("\n"), got.split("\n"), "debian", "ours",
                                                                  lineterm="", n=0) if not line.startswith("@@")))
    finally:
        theirs.stop()
        ours.stop()
    print(f"{total} commands, {wrong} differ")
    return wrong > 0


if __name__ == "__main__":
    sys.exit(main())
