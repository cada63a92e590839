#!/usr/bin/env python3
"""--help and --usage of commands, byte for byte.  help.py BINARY...; UPDATE=1 writes the texts anew."""
import os
import pathlib
import subprocess
import sys

HERE = pathlib.Path(__file__).parent


def text_of(binary):
    env = {"PATH": "/usr/bin:/bin"}
    return "".join(subprocess.run([binary, option], env=env, capture_output=True, text=True,
                                  check=True, timeout=20).stdout for option in ("--help", "--usage"))


def main(binaries):
    failed = 0
    for binary in binaries:
        path = HERE / (pathlib.Path(binary).name + ".help")
        text = text_of(binary)
        if os.environ.get("UPDATE"):
            path.write_text(text)
        elif path.read_text() != text:
            print(f"{path.name} differs; look at the change and run with UPDATE=1")
            failed = 1
    return failed


sys.exit(main(sys.argv[1:]))
