"""What the tests of munged share: private daemons (ours, Debian's) and the socket protocol spoken by hand."""
import ctypes
import os
import pathlib
import shutil
import signal
import socket
import struct
import subprocess
import time

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("SLUICE_BUILD", ROOT / "build-test"))
DEBIAN = {"munged": "/usr/sbin/munged", "munge": "/usr/bin/munge", "unmunge": "/usr/bin/unmunge",
          "remunge": "/usr/bin/remunge", "mungekey": "/usr/sbin/mungekey"}
OURS = {name: str(BUILD / name) for name in DEBIAN}
ANY = 0xFFFFFFFF
# What a sanitizer keeps of freed memory is not the daemon's.
SANITIZED = dict(os.environ, ASAN_OPTIONS="quarantine_size_mb=1")


def refuse_io_uring():
    """In the child that becomes a daemon: io_uring_setup(2) answers EPERM from now on, as in most containers."""
    libc = ctypes.CDLL(None, use_errno=True)
    rows = [(0x20, 0, 0, 0), (0x15, 0, 1, 425), (0x06, 0, 0, 0x00050001), (0x06, 0, 0, 0x7FFF0000)]  # nr; 425?; EPERM; allow
    code = ctypes.create_string_buffer(b"".join(struct.pack("HBBI", *row) for row in rows))
    program = ctypes.create_string_buffer(struct.pack("HxxxxxxP", len(rows), ctypes.addressof(code)))
    assert libc.prctl(38, 1, 0, 0, 0) == 0 and libc.prctl(22, 2, program, 0, 0) == 0, ctypes.get_errno()


class Daemon:
    """A private munged in its own directory; `kind` is DEBIAN or OURS.  `mounts`: shell lines that run first in a mount
    namespace of its own, where the daemon sees another /etc or /dev than everybody else."""

    prepare = None  # runs in the child before it becomes the daemon

    def __init__(self, kind, where, key, more=(), mounts=None):
        self.kind, self.where, self.more, self.mounts = kind, pathlib.Path(where), list(more), mounts
        self.where.mkdir(mode=0o755, exist_ok=True)
        self.socket, self.key = str(self.where / "socket"), self.where / "key"
        self.log = self.where / "log"
        self.process = None
        self.write_key(key)

    def write_key(self, key):
        self.key.touch(mode=0o600)
        self.key.write_bytes(key)

    def argv(self):
        at = self.where
        inside = ["unshare", "--mount", "sh", "-ec", self.mounts + '\nexec "$@"', "sh"] if self.mounts else []
        return [*inside, self.kind["munged"], "-F", "--key-file", str(self.key), "--socket", self.socket, "--pid-file",
                str(at / "pid"), "--seed-file", str(at / "seed"), "--log-file", str(at / "unused"), "--origin",
                "127.0.0.1", *self.more]

    def start(self):
        if self.mounts and subprocess.run(["unshare", "--mount", "true"], capture_output=True).returncode != 0:
            pytest.skip("no private mount namespace can be made here (a container, a chroot)")
        self.process = subprocess.Popen(self.argv(), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                        stderr=open(self.log, "ab"), env=SANITIZED, preexec_fn=self.prepare)
        until(lambda: self.answers() or self.process.poll() is not None)
        assert self.process.poll() is None, self.log.read_text()
        return self

    def answers(self):
        try:
            with dial(self.socket):
                return True
        except OSError:
            return False

    def stop(self, how=signal.SIGTERM):
        if self.process and self.process.poll() is None:
            self.process.send_signal(how)
            status = self.process.wait(10)
            assert how != signal.SIGTERM or status == 0, self.log.read_text()
            assert "runtime error" not in self.log.read_text(errors="replace"), self.log.read_text()

    def hangup(self):
        self.process.send_signal(signal.SIGHUP)

    def __enter__(self):
        return self.start()

    def __exit__(self, *_):
        self.stop()


def until(ready, seconds=10):
    end = time.monotonic() + seconds
    while not ready():
        assert time.monotonic() < end, "waited too long"
        time.sleep(0.01)


def dial(path):
    s = socket.socket(socket.AF_UNIX)
    try:
        s.settimeout(20)
        s.connect(path)
    except OSError:
        s.close()
        raise
    return s


def ask(path, message):
    """Sends one message; everything the daemon says until it closes."""
    with dial(path) as s:
        try:
            s.sendall(message)
        except BrokenPipeError:
            return b""
        parts = []
        while True:
            try:
                part = s.recv(1 << 20)
            except ConnectionResetError:
                break
            if not part:
                break
            parts.append(part)
    return b"".join(parts)


def message(kind, body, retry=0, magic=0x00606D4B, version=4):
    return struct.pack(">IBBBI", magic, version, kind, retry, len(body)) + body


def encode_request(data=b"", cipher=1, mac=1, zip=1, realm=b"", ttl=0, uid=ANY, gid=ANY):
    return message(2, struct.pack(">BBBB", cipher, mac, zip, len(realm)) + realm +
                   struct.pack(">IIII", ttl, uid, gid, len(data)) + data)


def decode_request(cred, retry=0):
    cred = cred if cred.endswith(b"\0") else cred + b"\0"
    return message(4, struct.pack(">I", len(cred)) + cred, retry)


class Reader:
    def __init__(self, data):
        self.data, self.at = data, 0

    def take(self, n):
        self.at += n
        assert self.at <= len(self.data)
        return self.data[self.at - n:self.at]

    def number(self, n):
        return int.from_bytes(self.take(n), "big")


def reply(data, kind):
    """A reader behind the header of a well-formed reply, and its (code, text)."""
    r = Reader(data)
    assert r.number(4) == 0x00606D4B and r.number(1) == 4 and r.number(1) == kind
    r.number(1)
    assert r.number(4) == len(data) - 11
    code = r.number(1)
    text = r.take(r.number(1)).rstrip(b"\0").decode()
    return r, code, text


def encode(path, **wish):
    """(code, text, credential)"""
    r, code, text = reply(ask(path, encode_request(**wish)), 3)
    cred = r.take(r.number(4))
    assert r.at == len(r.data)
    return code, text, cred


def decode(path, cred, retry=0):
    """The fields of the reply as a dictionary."""
    r, code, text = reply(ask(path, decode_request(cred, retry)), 5)
    f = {"code": code, "text": text}
    for name in ("cipher", "mac", "zip"):
        f[name] = r.number(1)
    f["realm"] = r.take(r.number(1)).rstrip(b"\0")
    f["ttl"] = r.number(4)
    f["addr"] = r.take(r.number(1))
    for name in ("time0", "time1", "uid", "gid", "auth_uid", "auth_gid"):
        f[name] = r.number(4)
    f["payload"] = r.take(r.number(4))
    assert r.at == len(r.data)
    return f


def run(*argv, **more):
    return subprocess.run([str(a) for a in argv], capture_output=True, timeout=60, **more)


def have_debian():
    return all(shutil.which(p) for p in DEBIAN.values())
