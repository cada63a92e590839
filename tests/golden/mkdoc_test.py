#!/usr/bin/env python3
"""What mkdoc says is true and complete: mkdoc_test.py proto|man|docs|conf SOURCE MKDOC [SAMPLE | PAGES... | SINFO EXAMPLE]

  proto  protoc compiles the .proto, and reads and writes a random message of every type as our walker does
  man    groff renders every page without a warning
  conf   slurm.conf with every key at its default is one that our commands take, and so is the example
  docs   the tables in docs/ are those of the schema, and no message lost or changed a field since messages.proto
"""
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

SKIPPED = 77  # meson's exit status for a test that did not run


def need(program):
    if not shutil.which(program):
        print(f"skipped: {program} is not installed")
        sys.exit(SKIPPED)


def output(*argv, **more):
    return subprocess.run(argv, check=True, capture_output=True, **more).stdout


def test_proto(source, mkdoc, sample):
    need("protoc")
    with tempfile.TemporaryDirectory() as where:
        (pathlib.Path(where) / "sluice.proto").write_bytes(output(mkdoc, "proto"))
        protoc = ["protoc", "-I", where, "--fatal_warnings"]
        output(*protoc, "--descriptor_set_out=/dev/null", "sluice.proto")
        lines = output(sample, text=True).splitlines()
        assert len(lines) > 50, f"only {len(lines)} messages"
        for line in lines:
            name, packed = line.split(" ")
            ours = bytes.fromhex(packed)
            text = output(*protoc, f"--decode=sluice.{name}", "sluice.proto", input=ours)
            unknown = re.search(rb"^\s*\d+(:| \{)", text, re.M)
            assert not unknown, f"{name}: protoc does not know {unknown.group(0)}"
            again = output(*protoc, f"--encode=sluice.{name}", "sluice.proto", input=text)
            assert again == ours, f"{name}: {packed} became {again.hex()}\n{text.decode()}"
        print(f"{len(lines)} messages read and written alike")


def test_man(source, mkdoc, *pages):
    need("groff")
    templates = {p.name.removesuffix(".in") for p in (source / "man").glob("*.in")}
    assert templates == {os.path.basename(p) for p in pages}, "man/*.in and the pages of meson.build differ"
    for page in pages:
        done = subprocess.run(["groff", "-ww", "-mandoc", "-Tutf8", page], capture_output=True, text=True)
        assert done.returncode == 0 and not done.stderr, f"{page}: {done.stderr}"
        assert len(done.stdout.splitlines()) > 10, f"{page} is empty"
        left = re.search(r"@[A-Z_]+@", done.stdout)
        assert not left, f"{page}: {left.group(0)} was not filled in"
    print(f"{len(pages)} pages without a warning")


def test_conf(source, mkdoc, sinfo, example):
    commented = output(mkdoc, "conf", text=True)
    keys = re.findall(r"^#(\w+)=(.+)$", commented, re.M)
    assert len(keys) > 100, f"only {len(keys)} keys with a default"
    ours = {"ClusterName": "x", "SlurmctldHost": "localhost(127.0.0.1)", "SlurmctldPort": "1", "MessageTimeout": "1"}
    lines = [f"{key}={value}" for key, value in ours.items()]
    lines += [f"{key}={value}" for key, value in keys if key not in ours] + ["NodeName=a", "PartitionName=p Nodes=a"]
    # SlurmUser=slurm in the example is the site's to create; here it is whoever runs the test.
    example_text = re.sub(r"^SlurmUser=.*$", f"SlurmUser={os.geteuid()}", pathlib.Path(example).read_text(), flags=re.M)
    with tempfile.TemporaryDirectory() as where:
        for name, text in (("every.conf", "\n".join(lines) + "\n"),
                           ("example.conf", example_text + "MessageTimeout=1\n")):
            path = pathlib.Path(where) / name
            path.write_text(text)
            done = subprocess.run([sinfo], env=dict(os.environ, SLURM_CONF=str(path)), capture_output=True, text=True)
            # Past the file, it only misses its controller.
            assert "Unable to contact slurm controller" in done.stderr, done.stderr
    print(f"{len(keys)} defaults accepted")


def fields(proto):
    """(message, tag): type and name, of a .proto."""
    found, message = {}, None
    for line in proto.splitlines():
        if start := re.match(r"message (\w+) \{", line):
            message = start.group(1)
        elif field := re.match(r"  ((?:repeated |optional )?\w+) (\w+) = (\d+);", line):
            found[message, int(field.group(3))] = (field.group(1), field.group(2))
        elif line == "}":
            message = None
    return found


def test_docs(source, mkdoc):
    table = output(mkdoc, "rpc", text=True)
    assert table in (source / "docs/security.md").read_text(), "docs/security.md: run `mkdoc rpc` and paste its table"
    frozen, now = fields((source / "tests/golden/messages.proto").read_text()), fields(output(mkdoc, "proto", text=True))
    assert frozen, "messages.proto has no fields"
    for (message, tag), (kind, name) in frozen.items():
        assert (message, tag) in now, f"{message}.{name} = {tag} is gone: rows are append-only, leave GONE({tag})"
        assert now[message, tag][0] == kind, f"{message}.{name} = {tag} was {kind}, is {now[message, tag][0]}"
    print(f"{len(frozen)} fields as they were, {len(now) - len(frozen)} new")


if __name__ == "__main__":
    {"proto": test_proto, "man": test_man, "docs": test_docs, "conf": test_conf}[sys.argv[1]](pathlib.Path(sys.argv[2]), *sys.argv[3:])
