"""munge, unmunge, remunge, mungekey against Debian's, word for word, and libmunge itself against our daemon."""
import ctypes
import os
import re
import stat

import pytest

import kit

needs_debian = pytest.mark.skipif(not kit.have_debian(), reason="Debian's munge is not installed")


def normal(text):
    text = re.sub(rb"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d [+-]\d{4}", b"TIME", text)
    return re.sub(rb"\b\d{10}\b", b"SECONDS", text)


def outcome(argv, stdin=b""):
    got = kit.run(*argv, input=stdin)
    return got.returncode, normal(got.stdout), normal(got.stderr)


MUNGE_CASES = [
    ["-n", "-c", "aes256", "-m", "md5"], ["-n", "-m", "none"], ["-n", "-m", "md6"], ["-n", "-z", "lzma"],
    ["-n", "-c", "9"], ["-n", "-u", "nosuchuser"], ["-n", "-g", "nosuchgroup"], ["-n", "-U", "nosuchuser"],
    ["-n", "-t", "abc"], ["-n", "-t", "-2"], ["-n", "-t", "4294967296"], ["-n", "-t", ""], ["-n", "-c"],
    ["-n", "--cipher"], ["-i", "/nonexistent"], ["-n", "-o", "/nonexistent/x"], ["-Q"], ["-nQ"], ["--bogus"],
    ["--string"], ["surplus"], ["-n", "-S", ""], ["-n", "-S", "/nonexistent"], ["-n", "-S", "/etc/passwd"],
    ["-C"], ["-M"], ["-Z"],
]


@needs_debian
def test_munge_refuses_in_debians_words(ours):
    for case in MUNGE_CASES:
        argv = ["-S", ours.socket, *case]
        assert outcome([kit.OURS["munge"], *argv]) == outcome([kit.DEBIAN["munge"], *argv]), case


UNMUNGE_CASES = [
    b"", b"  \n", b"x", b"MUNGE:AAAA", b"MUNGE:*:", b"MUNGE:A===:", b"MUNGE::", b"MUNGE:AwQF:", b"MUNGE:BAQF:",
]


@needs_debian
def test_unmunge_refuses_in_debians_words(ours):
    for text in UNMUNGE_CASES:
        argv = ["-S", ours.socket]
        assert outcome([kit.OURS["unmunge"], *argv], text) == outcome([kit.DEBIAN["unmunge"], *argv], text), text
    for case in (["-K"], ["-i", "/nonexistent"], ["-k"], ["--bogus"], ["surplus"], ["-S", "/nonexistent"]):
        assert outcome([kit.OURS["unmunge"], *case], b"MUNGE:AAAA:") == \
            outcome([kit.DEBIAN["unmunge"], *case], b"MUNGE:AAAA:"), case


@needs_debian
@pytest.mark.parametrize("options", [[], ["-N"], ["-k", "status,UID;ttl"], ["-k", "nothing"], ["-n"],
                                     ["-m", "/dev/null"], ["-o", "/dev/null"], ["-m", "-", "-o", "-"]])
def test_any_command_works_with_any_daemon(pair, options):
    shown = set()
    for encoder in (kit.OURS, kit.DEBIAN):
        for decoder in (kit.OURS, kit.DEBIAN):
            for made_at, read_at in (pair, pair[::-1], (pair[0], pair[0]), (pair[1], pair[1])):
                cred = kit.run(encoder["munge"], "-S", made_at.socket, "-s", "payload" * 20, "-c", "cast5", "-z", "zlib",
                               "-t", "60", "-u", os.geteuid(), "-g", os.getegid())
                assert cred.returncode == 0 and cred.stderr == b""
                shown.add(outcome([decoder["unmunge"], "-S", read_at.socket, *options], cred.stdout))
    assert len(shown) == 1, "\n".join(map(str, shown))
    assert shown.pop()[0] == 0


@needs_debian
def test_exit_status_is_the_code(pair):
    for d in pair:
        for tools in (kit.OURS, kit.DEBIAN):
            other = kit.run(tools["munge"], "-n", "-S", d.socket, "-u", os.geteuid() + 1).stdout
            assert kit.run(tools["unmunge"], "-S", d.socket, input=other).returncode == 18
            twice = kit.run(tools["munge"], "-n", "-S", d.socket).stdout
            assert [kit.run(tools["unmunge"], "-S", d.socket, input=twice).returncode for _ in (1, 2)] == [0, 17]


@needs_debian
def test_remunge_counts_without_errors(pair):
    for d in pair:
        for tools in (kit.OURS, kit.DEBIAN):
            got = kit.run(tools["remunge"], "-S", d.socket, "-d", "-N", "500", "-T", "4", "-l", "1k").stdout.decode()
            assert "Processed 500 credentials" in got and "error" not in got


@needs_debian
def test_help_lists_what_debian_lists():
    for name in ("unmunge", "remunge", "mungekey"):
        assert outcome([kit.OURS[name], "--help"]) == outcome([kit.DEBIAN[name], "--help"])
    for name in ("munge", "munged"):
        ours, theirs = (outcome([kind[name], "--help"])[1].splitlines() for kind in (kit.OURS, kit.DEBIAN))
        option = re.compile(rb"^  (?:-., )?--[a-z-]+(?:=\w+)?")
        assert {option.match(l)[0] for l in theirs if option.match(l)} <= \
            {option.match(l)[0] for l in ours if option.match(l)}
    assert kit.run(kit.OURS["munge"], "-V").stdout.startswith(b"munge-0.5.")


@needs_debian
def test_mungekey_is_debians(place):
    for case in (["-b", "100"], ["-b", "9000"], ["-b", "x"], ["-b"], ["--bits"], ["-k"], ["--bogus"], ["-Q"],
                 ["surplus"], ["-k", "/nonexistent/key"]):
        assert outcome([kit.OURS["mungekey"], *case]) == outcome([kit.DEBIAN["mungekey"], *case]), case
    for bits, size in (("256", 32), ("257", 33), ("1024", 128), ("8192", 1024)):
        path = place / bits
        got = kit.run(kit.OURS["mungekey"], "-v", "-k", path, "-b", bits)
        assert got.stderr.decode() == f'mungekey: Info: Created "{path}" with {size * 8}-bit key\n'
        assert path.stat().st_size == size and stat.S_IMODE(path.stat().st_mode) == 0o600
    before = path.read_bytes()
    assert kit.run(kit.OURS["mungekey"], "-k", path).returncode == 1 and path.read_bytes() == before
    assert kit.run(kit.OURS["mungekey"], "-f", "-k", path).returncode == 0 and path.read_bytes() != before


def test_a_program_linked_with_libmunge(ours):
    try:
        lib = ctypes.CDLL("libmunge.so.2")
    except OSError:
        pytest.skip("libmunge is not installed")
    lib.munge_ctx_create.restype = ctypes.c_void_p
    lib.munge_ctx_strerror.restype = ctypes.c_char_p
    ctx = ctypes.c_void_p(lib.munge_ctx_create())
    assert lib.munge_ctx_set(ctx, 8, ctypes.c_char_p(ours.socket.encode())) == 0
    cred, data, size = ctypes.c_char_p(), ctypes.c_void_p(), ctypes.c_int()
    uid, gid, ttl = ctypes.c_uint(), ctypes.c_uint(), ctypes.c_int()
    assert lib.munge_encode(ctypes.byref(cred), ctx, b"hello", 5) == 0
    args = (cred, ctx, ctypes.byref(data), ctypes.byref(size), ctypes.byref(uid), ctypes.byref(gid))
    assert lib.munge_decode(*args) == 0
    assert ctypes.string_at(data, size.value) == b"hello" and (uid.value, gid.value) == (os.geteuid(), os.getegid())
    assert lib.munge_ctx_get(ctx, 4, ctypes.byref(ttl)) == 0 and ttl.value == 300
    assert lib.munge_decode(*args) == 17
    assert lib.munge_ctx_strerror(ctx).startswith(b"Replayed credential")
    lib.munge_ctx_destroy(ctx)


def test_diagnose_of_a_stock_daemon_says_so(pair):
    got = kit.run(kit.OURS["munge"], "--diagnose", "-S", pair[1].socket)
    assert got.returncode == 6 and b"Error" in got.stderr
