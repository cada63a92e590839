#!/usr/bin/env python3
"""refresh.py MKDOC: writes what is made from the schema and kept in the tree (after a merge, take either side and run this):
the table of calls in docs/security.md, and tests/golden/messages.proto."""
import pathlib
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent


def made(mkdoc, what):
    return subprocess.run([mkdoc, what], check=True, capture_output=True, text=True).stdout


def main():
    mkdoc = sys.argv[1]
    (ROOT / "tests/golden/messages.proto").write_text(made(mkdoc, "proto"))
    page = ROOT / "docs/security.md"
    lines = page.read_text().splitlines(keepends=True)
    first = next(i for i, line in enumerate(lines) if line.startswith("| opcode |"))
    end = next(i for i in range(first, len(lines)) if not lines[i].startswith("|"))
    page.write_text("".join(lines[:first]) + made(mkdoc, "rpc").rstrip("\n") + "\n" + "".join(lines[end:]))


if __name__ == "__main__":
    main()
