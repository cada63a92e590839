"""The event-loop client of auth/ against real daemons that come, go, and come again."""
import os
import signal
import subprocess
import time

import kit

DRIVER = str(kit.BUILD / "munge_async_driver")


def drive(d, count):
    return subprocess.Popen([DRIVER, d.socket, str(count)], stdout=subprocess.PIPE)


def result(driver):
    out, _ = driver.communicate(timeout=60)
    return driver.returncode, out


def test_many_calls_at_once(ours):
    assert result(drive(ours, 3000)) == (0, b"3000 round trips\n")


def test_it_waits_for_a_daemon_that_is_not_there_yet(place):
    d = kit.Daemon(kit.OURS, place / "d", os.urandom(64))
    driver = drive(d, 100)
    time.sleep(0.3)
    assert driver.poll() is None
    with d:
        assert result(driver) == (0, b"100 round trips\n")


def test_it_outlives_restarts(place):
    d = kit.Daemon(kit.OURS, place / "d", os.urandom(64))
    with d:
        driver = drive(d, 20000)
        for _ in range(3):
            time.sleep(0.1)
            d.stop(signal.SIGKILL)
            d.start()
        assert result(driver) == (0, b"20000 round trips\n")


def test_it_waits_for_one_that_hangs(ours):
    ours.process.send_signal(signal.SIGSTOP)
    driver = drive(ours, 50)
    time.sleep(0.3)
    ours.process.send_signal(signal.SIGCONT)
    assert result(driver) == (0, b"50 round trips\n")


def test_a_node_with_another_key_hears_both_fingerprints_and_joins_with_the_right_one(place):
    right, wrong = os.urandom(128), os.urandom(128)
    with kit.Daemon(kit.OURS, place / "server", right) as server, \
            kit.Daemon(kit.OURS, place / "node", wrong) as node:
        expected, own = (fingerprint(d) for d in (server, node))
        driver = subprocess.Popen([kit.BUILD / "munge_peers_driver", server.socket, node.socket],
                                  stdout=subprocess.PIPE)
        try:
            check_joining(driver, node, right, own, expected)
        finally:
            driver.kill()
            driver.wait()


def check_joining(driver, node, right, own, expected):
    words = f"authentication: key fingerprint {own}, expected {expected}\n".encode()
    assert driver.stdout.readline() == words
    node.write_key(right)
    node.hangup()
    said = driver.stdout.readlines()
    assert said[-1] == b"joined\n" and set(said[:-1]) <= {words}, said
    assert driver.wait(20) == 0


def fingerprint(d):
    lines = kit.run(kit.OURS["munge"], "-S", d.socket, "--diagnose").stdout.decode().splitlines()
    return dict(line.split("=", 1) for line in lines)["fingerprint"]
