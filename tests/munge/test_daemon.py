"""munged as a process: start-up checks, lock, keys, replay over restarts, load."""
import grp
import os
import pathlib
import pwd
import resource
import signal
import socket
import subprocess
import time

import pytest

import kit


def start_and_fail(kind, place, *more, **changes):
    """Runs a daemon that should refuse to start; its last complaint."""
    at = {"key-file": place / "key", "socket": place / "s", "pid-file": place / "pid", "seed-file": place / "seed",
          "log-file": place / "log", "origin": "127.0.0.1"}
    at.update({k.replace("_", "-"): v for k, v in changes.items()})
    argv = [kind["munged"], "-F", *(f"--{k}={v}" for k, v in at.items()), *more]
    got = subprocess.run(argv, capture_output=True, timeout=20)
    errors = [l for l in got.stderr.decode().splitlines() if "Error: " in l]
    return got.returncode, errors[-1] if errors else ""


def cases(place):
    key = place / "key"
    key.touch(mode=0o600)
    key.write_bytes(os.urandom(128))

    def a_key(name, mode, size=128):
        path = place / name
        path.touch(mode=mode)
        path.chmod(mode)
        path.write_bytes(bytes(size))
        return path

    def a_dir(name, mode):
        path = place / name
        path.mkdir()
        path.chmod(mode)
        return path

    loose, world, shut = a_dir("loose", 0o775), a_dir("world", 0o757), a_dir("shut", 0o700)
    for d in (loose, world):
        (d / "key").touch(mode=0o600)
        (d / "key").write_bytes(bytes(128))
    (place / "link").symlink_to(key)
    return [
        {"key_file": place / "none"}, {"key_file": a_key("group", 0o640)}, {"key_file": a_key("other", 0o604)},
        {"key_file": a_key("short", 0o600, 31)}, {"key_file": place / "link"}, {"key_file": a_dir("d", 0o755)},
        {"key_file": loose / "key"}, {"key_file": world / "key"}, {"socket": loose / "s"}, {"socket": shut / "s"},
        {"socket": place / "none/s"}, {"pid_file": loose / "pid"}, {"pid_file": place / "none/pid"},
        {"max_ttl": 0}, {"max_ttl": 3601}, {"max_ttl": "x"}, {"num_threads": 0}, {"group_update_time": "x"},
        {"origin": "no.such.host.invalid"}, {"trusted_group": "nosuchgroup"}, {"bogus": 1},
    ]


def test_start_up_complaints_are_those_of_debian(place):
    if not kit.have_debian():
        pytest.skip("Debian's munge is not installed")
    for case in cases(place):
        ours, theirs = start_and_fail(kit.OURS, place, **case), start_and_fail(kit.DEBIAN, place, **case)
        assert ours[0] == theirs[0] == 1, (case, ours, theirs)
        if case != {"key_file": place / "short"}:  # ours reads the key in the daemon, where the log speaks
            assert ours[1] == theirs[1], case


def test_force_goes_on_with_an_insecure_key(place):
    d = kit.Daemon(kit.OURS, place / "d", bytes(64), ["--force"])
    d.key.chmod(0o644)
    with d:
        assert kit.encode(d.socket)[0] == 0
    assert "Keyfile is insecure" in d.log.read_text()


def test_a_second_daemon_names_the_first_and_stop_stops_it(ours):
    second = kit.run(*ours.argv()[:-2], "--pid-file", str(ours.where / "pid2"))
    assert second.returncode == 1
    assert f'pid {ours.process.pid} bound to socket "{ours.socket}"' in second.stderr.decode()
    assert kit.encode(ours.socket)[0] == 0

    stop = kit.run(kit.OURS["munged"], "--stop", "--socket", ours.socket)
    assert stop.returncode == 0
    assert stop.stderr.decode() == (f'munged: Notice: Terminated daemon bound to socket "{ours.socket}" '
                                    f"(pid {ours.process.pid})\n")
    assert ours.process.wait(10) == 0
    assert not os.path.exists(ours.socket) and not os.path.exists(ours.socket + ".lock")
    assert kit.run(kit.OURS["munged"], "--stop", "--socket", ours.socket).returncode == 1


def test_socket_lock_and_process_are_closed_to_others(ours):
    assert os.stat(ours.socket).st_mode & 0o777 == 0o777
    assert os.stat(ours.socket + ".lock").st_mode & 0o777 == 0o200
    status = pathlib.Path(f"/proc/{ours.process.pid}/limits").read_text()
    assert [l for l in status.splitlines() if l.startswith("Max core file size")][0].split()[4:6] == ["0", "0"]
    # Not dumpable: its files in /proc are root's whoever runs it.
    assert os.stat(f"/proc/{ours.process.pid}/environ").st_uid == 0


def test_background_writes_pid_and_log(place):
    d = kit.Daemon(kit.OURS, place / "d", bytes(64))
    argv = [a for a in d.argv() if a != "-F"]
    assert kit.run(*argv).returncode == 0
    pid = int((d.where / "pid").read_text())
    assert kit.encode(d.socket)[0] == 0
    assert kit.run(kit.OURS["munged"], "-s", "-S", d.socket).returncode == 0
    assert f"(pid {pid})" in (d.where / "unused").read_text()


@pytest.mark.parametrize("name", ["by number", "by name"])
def test_a_trusted_group_may_write_to_the_directories(place, name):
    if os.geteuid() != 0:
        pytest.skip("needs root, to give a directory to another group")
    group, other = grp.getgrall()[1:3]
    d = kit.Daemon(kit.OURS, place / "d", bytes(64))
    os.chown(d.where, -1, group.gr_gid)
    d.where.chmod(0o775)
    for kind in (kit.OURS, kit.DEBIAN) if kit.have_debian() else (kit.OURS,):
        for more in ([], [f"--trusted-group={other.gr_gid}"]):
            code, why = start_and_fail(kind, d.where, *more)
            assert code == 1 and "group-writable permissions" in why, (kind, why)
    d.more = [f"--trusted-group={group.gr_gid if name == 'by number' else group.gr_name}"]
    with d:
        assert kit.encode(d.socket)[0] == 0


def test_syslog_gets_what_the_log_would_get(place):
    if os.geteuid() != 0:
        pytest.skip("needs root, for a /dev of its own")
    d = kit.Daemon(kit.OURS, place / "d", bytes(64), ["--syslog"],
                   f"mount -t tmpfs none /dev\nln -s {place}/syslog /dev/log")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as log:
        log.bind(str(place / "syslog"))
        log.settimeout(10)
        with d:
            heard = log.recv(4096)
            while b"Created socket" not in heard:
                heard = log.recv(4096)
    assert b"munged" in heard and heard.startswith(b"<"), heard


def locked_kib(d):
    lines = pathlib.Path(f"/proc/{d.process.pid}/status").read_text().splitlines()
    return int(next(l for l in lines if l.startswith("VmLck")).split()[1])


def test_mlockall_locks_more_than_the_keys(place):
    if os.geteuid() != 0 or b"__asan_init" in pathlib.Path(kit.OURS["munged"]).read_bytes():
        pytest.skip("needs root, and no sanitizer: its shadow would be locked too")
    with kit.Daemon(kit.OURS, place / "a", bytes(64)) as usual, \
            kit.Daemon(kit.OURS, place / "b", bytes(64), ["--mlockall"]) as locked:
        assert 0 < locked_kib(usual) < 64
        assert locked_kib(locked) > 1024
        assert kit.encode(locked.socket)[0] == 0


def status(d):
    out = kit.run(kit.OURS["munge"], "-S", d.socket, "--diagnose").stdout.decode()
    return dict(line.split("=", 1) for line in out.splitlines())


def test_a_new_key_signs_and_the_old_one_decodes_for_a_while(place):
    old, new = os.urandom(128), os.urandom(128)
    with kit.Daemon(kit.OURS, place / "d", old, ["--key-overlap", "3600"]) as d, \
            kit.Daemon(kit.OURS, place / "new", new) as only_new:
        first = status(d)["fingerprint"]
        _, _, made_before = kit.encode(d.socket, data=b"old")
        d.write_key(new)
        assert status(d)["key_file_changed"] == "1"
        d.hangup()
        kit.until(lambda: status(d)["fingerprint"] != first)
        now = status(d)
        assert now["fingerprint"] == status(only_new)["fingerprint"]
        assert now["also_decodes"] == first and now["key_file_changed"] == "0"

        assert kit.decode(d.socket, made_before)["payload"] == b"old"
        assert kit.decode(only_new.socket, kit.encode(d.socket)[2])["code"] == 0
        assert kit.decode(only_new.socket, made_before)["code"] == 14
        assert f"key fingerprint here {now['fingerprint']}" in only_new.log.read_text()


def test_the_old_key_is_gone_after_the_overlap(place):
    with kit.Daemon(kit.OURS, place / "d", os.urandom(128), ["--key-overlap", "1"]) as d:
        cred = kit.encode(d.socket)[2]
        d.write_key(os.urandom(128))
        d.hangup()
        # Until then it decodes or counts as replayed; the key's own end needs no other event than this question.
        kit.until(lambda: kit.decode(d.socket, cred)["code"] == 14)
        assert "also_decodes" not in status(d)


def test_a_bad_key_file_leaves_the_key_that_is(place):
    with kit.Daemon(kit.OURS, place / "d", bytes(64)) as d:
        before = status(d)["fingerprint"]
        d.write_key(b"too short")
        d.hangup()
        kit.until(lambda: "still using key fingerprint" in d.log.read_text())
        assert status(d)["fingerprint"] == before and kit.encode(d.socket)[0] == 0


def test_a_restart_forgets_unless_told_to_keep(place):
    for more, code in (([], 0), (["--replay-file", str(place / "replay")], 17)):
        d = kit.Daemon(kit.OURS, place / f"d{code}", bytes(64), more)
        with d:
            time.sleep(0)
            cred = kit.encode(d.socket)[2]
            assert kit.decode(d.socket, cred)["code"] == 0
            d.stop(signal.SIGKILL)
            d.start()
            assert kit.decode(d.socket, cred)["code"] == code


def test_a_lost_replay_file_refuses_what_is_older(place):
    import test_protocol as p
    d = kit.Daemon(kit.OURS, place / "d", bytes(64), ["--replay-file", str(place / "replay")])
    with d:
        old = p.forge(bytes(64), p.inner(time0=int(time.time()) - 60))
        fresh = p.forge(bytes(64), p.inner())
        assert kit.decode(d.socket, old)["code"] == 17
        assert kit.decode(d.socket, fresh)["code"] == 0


def unmunge_as(uid, d, cred):
    return kit.run("/usr/bin/setpriv", "--reuid", uid, "--regid", 65534, "--clear-groups", kit.OURS["unmunge"],
                   "-S", d.socket, "-n", input=cred.rstrip(b"\0")).returncode


@pytest.mark.parametrize("how", ["hangup", "timer"])
def test_listed_members_of_a_group_may_decode_once_the_list_is_read_again(place, how):
    if os.geteuid() != 0:
        pytest.skip("needs root, for an /etc/group of its own and to become its member")
    member, gid = pwd.getpwnam("nobody"), 54321
    groups = place / "group"
    groups.write_text(f"guards:x:{gid}:\n")
    d = kit.Daemon(kit.OURS, place / "d", bytes(64), ["--group-update-time", "1" if how == "timer" else "0"],
                   f"mount --bind {groups} /etc/group")
    with d:
        cred = kit.encode(d.socket, gid=gid)[2]
        # A refused decode uses nothing up, so one credential does for all.
        assert unmunge_as(member.pw_uid, d, cred) == 18
        groups.write_text(f"guards:x:{gid}:root,{member.pw_name}\n")
        if how == "hangup":
            d.hangup()
        kit.until(lambda: unmunge_as(member.pw_uid, d, cred) == 0)
        assert unmunge_as(member.pw_uid + 1, d, kit.encode(d.socket, gid=gid)[2]) == 18


# ---- load

def silent_clients(path, wanted):
    """As many connections that say nothing as this process may open, up to `wanted`."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    wanted = min(wanted, hard - 200)
    made = []
    while len(made) < wanted:
        s = socket.socket(socket.AF_UNIX)
        s.connect(path)
        made.append(s)
    return made


def test_silent_clients_do_not_keep_an_honest_one_waiting(ours):
    silent = silent_clients(ours.socket, 10000)
    before = int(open(f"/proc/{ours.process.pid}/statm").read().split()[1])
    times = []
    for _ in range(20):
        start = time.monotonic()
        assert kit.encode(ours.socket, data=b"honest")[0] == 0
        times.append((time.monotonic() - start) * 1000)
    print(f"beside {len(silent)} silent clients an encode took {sorted(times)[10]:.2f} ms (worst {max(times):.2f}), "
          f"resident {before * 4} KiB")
    # Each is closed after its deadline of two seconds.
    silent[0].settimeout(10)
    assert silent[0].recv(1) == b""
    for s in silent:
        s.close()


FLOOD = """
import select, sys
sys.path.insert(0, {here!r})
import kit
request = kit.encode_request(bytes(range(256)) * 500, zip=2)
flood = []
for _ in range(100):
    s = kit.dial({socket!r})
    s.sendall(request)
    flood.append(s)
print("sent", flush=True)
sys.stdin.readline()
print(len(select.select(flood, [], [], 0)[0]), flush=True)
"""


def test_users_are_served_in_turn(ours):
    """A user's hundred expensive requests are in the queue before the one request of another, who need not wait
    for all of them."""
    if os.geteuid() != 0:
        pytest.skip("needs root, to be two users")
    # The checkout may be closed to the flooder, so it gets a copy of the kit.
    code = FLOOD.format(here=str(ours.where), socket=ours.socket)
    (ours.where / "kit.py").write_text(pathlib.Path(kit.__file__).read_text())
    flooder = subprocess.Popen(["/usr/bin/setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups",
                                "/usr/bin/python3", "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert flooder.stdout.readline() == b"sent\n"
    start = time.monotonic()
    assert kit.encode(ours.socket)[0] == 0
    print(f"beside a flood an encode took {(time.monotonic() - start) * 1000:.0f} ms", end=", ")
    flooder.stdin.write(b"\n")
    flooder.stdin.flush()
    answered = int(flooder.stdout.readline())
    print(f"{answered} of 100 of the flood were answered")
    assert answered < 100
    assert flooder.wait(10) == 0


def test_a_slow_sender_is_cut_off_at_its_deadline(ours):
    with kit.dial(ours.socket) as s:
        s.sendall(kit.encode_request(b"x" * 1000)[:50])
        start = time.monotonic()
        assert s.recv(1) == b""
        assert 1 < time.monotonic() - start
    assert kit.encode(ours.socket)[0] == 0


def test_unfinished_messages_of_a_user_are_bounded(ours):
    import struct
    half = struct.pack(">IBBBI", 0x00606D4B, 4, 2, 0, 2097152) + bytes(1 << 20)
    held = []
    for _ in range(64):
        s = kit.dial(ours.socket)
        s.settimeout(1)
        try:
            s.sendall(half)
        except (BrokenPipeError, ConnectionResetError, socket.timeout):
            pass
        held.append(s)
    resident = int(open(f"/proc/{ours.process.pid}/statm").read().split()[1]) * 4
    print(f"resident {resident} KiB beside 64 half-sent megabytes")
    assert resident < 128 << 10
    assert kit.encode(ours.socket)[0] == 0
    for s in held:
        s.close()


def test_replies_that_nobody_reads_are_bounded(ours):
    """1.5 KB of credential ask for a megabyte of reply, and the retry byte lets one credential ask for many."""
    _, _, cred = kit.encode(ours.socket, data=bytes(1 << 20), zip=3)
    held = []
    for _ in range(300):
        held.append(kit.dial(ours.socket))
        held[-1].sendall(kit.decode_request(cred, retry=1))
    assert kit.encode(ours.socket)[0] == 0
    time.sleep(1)
    resident = int(open(f"/proc/{ours.process.pid}/statm").read().split()[1]) * 4
    print(f"resident {resident} KiB beside 300 unread megabytes")
    assert resident < 160 << 10
    for s in held:
        s.close()
    assert kit.decode(ours.socket, cred, retry=1)["payload"] == bytes(1 << 20)
