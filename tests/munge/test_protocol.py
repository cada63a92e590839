"""munged's socket, spoken by hand: vectors, hang-ups, replay, limits, mutations compared with Debian's daemon."""
import base64
import hashlib
import hmac
import json
import os
import random
import resource
import struct
import time

import pytest

import kit

VECTORS = json.loads((kit.ROOT / "tests/golden/munge_vectors.json").read_text())


def test_every_vector_gets_the_answer_of_the_contract(place):
    key = bytes.fromhex(VECTORS["key_hex"])
    agreed = 0
    with kit.Daemon(kit.OURS, place / "d", key) as d:
        for v in VECTORS["vectors"]:
            got = kit.decode(d.socket, v["credential"].encode())
            if "error" in v:
                assert got["code"] == v["error"], v["name"]
                assert got["uid"] == got["auth_gid"] == kit.ANY and got["payload"] == b""
            else:
                check_dated(v, got)
            agreed += 1
    assert agreed == 66


def check_dated(v, got):
    """All are long expired or in the future; a restricted one is refused before that is looked at."""
    want = v["expect"]
    restricted = (want["auth_uid"] not in (kit.ANY, os.geteuid())
                  or want["auth_gid"] not in (kit.ANY, os.getegid()))
    if restricted:
        assert got["code"] == 18 and got["payload"] == b"", v["name"]
        return
    age = time.time() - want["time0"]
    dated = 15 if age > want["ttl"] else 16 if age < -want["ttl"] else 0
    assert got["code"] == dated, v["name"]
    for name in ("cipher", "mac", "zip", "time0", "ttl", "uid", "gid", "auth_uid", "auth_gid"):
        assert got[name] == want[name], (v["name"], name)
    assert got["payload"] == bytes.fromhex(want["payload"])
    assert got["addr"] == bytes.fromhex(want["addr"])


BAD = {
    "nothing": b"",
    "half a header": kit.message(2, b"")[:7],
    "another magic": kit.message(2, kit.encode_request()[11:], magic=0x00606D4C),
    "another version": kit.message(2, kit.encode_request()[11:], version=3),
    "an encode reply": kit.message(3, b"\0\0" + struct.pack(">I", 1) + b"\0"),
    "a decode reply": kit.message(5, bytes(64)),
    "a decode reply with a long address": kit.message(5, bytes(9) + b"\xff" + bytes(300)),
    "type 6": kit.message(6, bytes(8)),
    "type 0": kit.message(0, b""),
    "a body too long": struct.pack(">IBBBI", 0x00606D4B, 4, 2, 0, 2097153),
    "a huge body": struct.pack(">IBBBI", 0x00606D4B, 4, 4, 0, 0xFFFFFFFF),
    "a field cut off": kit.message(2, kit.encode_request(b"abc")[11:-1]),
    "bytes left over": kit.message(2, kit.encode_request(b"abc")[11:] + b"x"),
    "bytes behind the message": kit.encode_request(b"abc") + b"x",
    "a realm past the end": kit.message(2, b"\1\1\1\xff" + bytes(20)),
}


@pytest.mark.parametrize("name", BAD)
def test_what_is_no_request_gets_no_answer(ours, name):
    with kit.dial(ours.socket) as s:
        s.sendall(BAD[name])
        s.shutdown(1)
        try:
            assert s.recv(1) == b""
        except ConnectionResetError:
            pass
    assert kit.encode(ours.socket)[0] == 0


def test_a_message_may_come_in_pieces(ours):
    whole = kit.encode_request(b"in pieces")
    with kit.dial(ours.socket) as s:
        for i in range(len(whole)):
            s.sendall(whole[i:i + 1])
        r, code, _ = kit.reply(s.recv(1 << 16), 3)
    assert code == 0 and kit.decode(ours.socket, r.take(r.number(4)))["payload"] == b"in pieces"


def test_replay_and_the_retry_byte(ours):
    _, _, cred = kit.encode(ours.socket, data=b"once")
    assert kit.decode(ours.socket, cred)["code"] == 0
    again = kit.decode(ours.socket, cred)
    assert again["code"] == 17 and again["payload"] == b"once" and again["text"].startswith("Replayed credential")
    assert [kit.decode(ours.socket, cred, retry)["code"] for retry in (1, 5, 6, 255)] == [0, 0, 6, 6]
    # Another text of the same credential is the same credential.
    assert kit.decode(ours.socket, b"  " + cred[:40] + b"\n" + cred[40:])["code"] == 17


def test_an_unauthorised_look_uses_nothing_up(ours):
    other = os.geteuid() + 1
    _, _, cred = kit.encode(ours.socket, uid=other)
    got = kit.decode(ours.socket, cred)
    assert got["code"] == 18 and got["text"] == f"Unauthorized credential for client UID={os.geteuid()} GID={os.getegid()}"
    assert got["time0"] == got["ttl"] == 0 and got["uid"] == kit.ANY
    _, _, cred = kit.encode(ours.socket, uid=os.geteuid(), gid=os.getegid())
    assert kit.decode(ours.socket, cred)["code"] == 0


def test_every_payload_that_encodes_decodes(ours):
    for size in (0, 1, 700000, 786000, 1048556, 1048575, 1048576):
        data = os.urandom(size)
        code, _, cred = kit.encode(ours.socket, data=data)
        assert code == 0 and kit.decode(ours.socket, cred)["payload"] == data
    assert kit.encode(ours.socket, data=bytes(1048577))[0] == 3


def test_lifetime_is_granted_up_to_the_maximum(place):
    with kit.Daemon(kit.OURS, place / "d", os.urandom(64), ["--max-ttl", "1000"]) as d:
        asked = {0: 300, 1: 1, 1000: 1000, 1001: 1000, kit.ANY: 1000}
        assert {t: kit.decode(d.socket, kit.encode(d.socket, ttl=t)[2])["ttl"] for t in asked} == asked


def test_realm_comes_back(ours):
    for realm in (b"", b"r\0", b"x" * 254 + b"\0"):
        assert kit.decode(ours.socket, kit.encode(ours.socket, realm=realm)[2])["realm"] == realm.rstrip(b"\0")


# ---- forged by somebody who has the key

def forge(key, inner, zip=0):
    """A credential without encryption around any inner part, with a right MAC."""
    outer = bytes([3, 0, 5, zip, 0])
    mac_key = hashlib.sha1(key + b"2").digest()
    tag = hmac.new(mac_key, outer + inner, "sha256").digest()
    return b"MUNGE:" + base64.b64encode(outer + tag + inner) + b":"


def inner(data=b"", addr=b"\1\2\3\4", data_len=None, time0=None):
    words = [int(time.time()) if time0 is None else time0, 300, 1, 2, kit.ANY, kit.ANY,
             len(data) if data_len is None else data_len]
    return os.urandom(8) + bytes([len(addr)]) + addr + struct.pack(">7I", *words) + data


def memory(pid):
    return int(open(f"/proc/{pid}/statm").read().split()[1]) * resource.getpagesize()


def test_forged_insides_get_the_contracts_codes(ours):
    key = ours.key.read_bytes()
    cases = [
        (inner(b"good"), 0, 0),
        (inner(b"good", addr=b""), 0, 0),
        (inner(b"good", addr=bytes(16)), 0, 8),
        (inner(b"good", data_len=5), 0, 8),
        (inner(b"good", data_len=3), 0, 8),
        (inner(b"good", data_len=1048577), 0, 3),
        (inner(b"good")[:20], 0, 8),
        (b"", 0, 8),
        (b"short", 3, 1),
        (struct.pack(">II", 0xCACACACB, 10) + b"xxxx", 3, 1),
        (struct.pack(">II", 0xCACACACA, 10) + b"xxxx", 3, 14),
        (struct.pack(">II", 0xCACACACA, 10) + b"xxxx", 2, 14),
    ]
    assert [kit.decode(ours.socket, forge(key, i, z))["code"] for i, z, _ in cases] == [c for _, _, c in cases]


def test_a_bomb_is_refused_before_memory_is_taken(ours):
    key = ours.key.read_bytes()
    before = memory(ours.process.pid)
    for size in (0xFFFFFFFF, 1 << 30, 1048576 + 41 + 9):
        for zip in (2, 3):
            assert kit.decode(ours.socket, forge(key, struct.pack(">II", 0xCACACACA, size) + bytes(64), zip))["code"] == 14
    assert memory(ours.process.pid) - before < 16 << 20


def test_clock_skew_is_told_in_signed_seconds(ours):
    key, now = ours.key.read_bytes(), int(time.time())
    got = kit.decode(ours.socket, forge(key, inner(time0=now - 1000)))
    assert got["code"] == 15 and got["text"].startswith("Expired credential") and "1.2.3.4" in got["text"]
    assert any(f"-{s} s" in got["text"] for s in (1000, 1001, 1002))
    got = kit.decode(ours.socket, forge(key, inner(time0=now + 1000)))
    assert got["code"] == 16 and got["text"].startswith("Rewound credential")
    assert any(f"+{s} s" in got["text"] for s in (1000, 999, 998))


# ---- beside Debian's daemon

def mutations(cred):
    """Each bit of the first 256 bytes of the raw credential, each truncation, and some of the text."""
    raw = base64.b64decode(cred.rstrip(b"\0")[6:-1])
    for bit in range(min(256, len(raw)) * 8):
        changed = bytearray(raw)
        changed[bit // 8] ^= 1 << bit % 8
        yield b"MUNGE:" + base64.b64encode(bytes(changed)) + b":"
    for cut in range(len(raw)):
        yield b"MUNGE:" + base64.b64encode(raw[:cut]) + b":"
    text = cred.rstrip(b"\0")
    for cut in range(len(text)):
        yield text[:cut]


def test_every_mutation_gets_debians_code_and_never_success(pair):
    ours, debian = pair
    tried = 0
    for wish in ({}, {"cipher": 5, "mac": 6}, {"cipher": 2, "mac": 2, "zip": 3}, {"cipher": 0}):
        _, _, cred = kit.encode(ours.socket, data=b"payload " * 30, realm=b"realm\0", **wish)
        for text in mutations(cred):
            a, b = kit.decode(ours.socket, text), kit.decode(debian.socket, text)
            assert a["code"] == b["code"] != 0, (text, a, b)
            tried += 1
    print(f"{tried} mutations, each with Debian's code")
    assert tried > 8000


def random_wish(rng, largest):
    size = min(int(2 ** rng.uniform(0, 20.001)) - 1, largest) if rng.random() < 0.9 else rng.randrange(64)
    mac = rng.choice([1, 2, 3, 4, 5, 6])
    return {
        "cipher": rng.choice([0, 1, 2, 3, 4, 5] if mac in (1, 5, 6) else [0, 1, 2, 3, 4]), "mac": mac,
        "zip": rng.choice([0, 1, 2, 3] if size < 65536 else [0, 1, 3]),
        "realm": rng.choice([b"", b"", b"realm\0", rng.randbytes(rng.randrange(1, 200)).replace(b"\0", b"x") + b"\0"]),
        "ttl": rng.choice([0, 1000, 3600, 4000, kit.ANY]),
        "uid": rng.choice([kit.ANY, kit.ANY, os.geteuid(), 12345]),
        "gid": rng.choice([kit.ANY, kit.ANY, os.getegid(), 54321]),
        "data": rng.randbytes(size) if rng.random() < 0.5 else (b"compressible " * (size // 13 + 1))[:size],
    }


def test_random_credentials_cross(pair, pytestconfig):
    """Encoded by one, decoded by both: same code, same fields, the payload that went in."""
    count, seed = pytestconfig.getoption("--count"), random.randrange(1 << 32)
    rng = random.Random(seed)
    print(f"seed {seed}")
    for n in range(count):
        # Debian's 0.5.15 takes requests up to 1 MiB; above that ours stands alone.
        alone = rng.random() < 0.002
        wish = random_wish(rng, 1048576 if alone else 780000)
        maker = pair[0] if alone or n % 2 else pair[1]
        code, text, cred = kit.encode(maker.socket, **wish)
        assert code == 0, (seed, n, text)
        allowed = wish["uid"] != 12345 and wish["gid"] != 54321
        got = [kit.decode(d.socket, cred) for d in (pair[:1] if alone else pair)]
        for f in got:
            assert f["code"] == (0 if allowed else 18), (seed, n, f["text"])
            assert f["payload"] == (wish["data"] if allowed else b""), (seed, n)
            assert f["realm"] == (wish["realm"].rstrip(b"\0") if allowed else b""), (seed, n)
            f.pop("time1")
        assert got[0] == got[-1], (seed, n)
    print(f"{count} random credentials, 0 mismatches")


def test_the_daemon_has_no_parser_for_replies_and_the_client_none_for_requests():
    symbols = {name: kit.run("nm", kit.BUILD / name).stdout for name in ("munged", "unmunge")}
    if b"main" not in symbols["munged"]:
        pytest.skip("the build is stripped: nothing to look at")
    assert b"munge_get_decoded" not in symbols["munged"] and b"request_read" in symbols["munged"]
    assert b"munge_get_decoded" in symbols["unmunge"] and b"request_read" not in symbols["unmunge"]
