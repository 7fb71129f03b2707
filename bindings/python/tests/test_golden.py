# SPDX-License-Identifier: MIT
"""The golden vectors through Python: the same table as through C++, C and Rust. See tests/golden/vectors.txt."""
import pathlib

import numpy as np

import duality
from duality import Family, Variant, lab

MS = 1_000_000
TABLE = pathlib.Path(__file__).resolve().parents[3] / "tests/golden/vectors.txt"
LINES = [line.split() for line in TABLE.read_text(encoding="utf-8").splitlines() if line and not line.startswith("#")]


def lines(kind):
    found = [line[1:] for line in LINES if line[0] == kind]
    assert found
    return found


def packet(esi):
    return bytes((17 * esi + 7 * k + 3) % 256 for k in range(5 + 3 * (esi % 4)))


def unit(esi, size):
    """A source unit: flow, length, data, zeros."""
    data = packet(esi)
    return np.frombuffer((bytes([esi]) + len(data).to_bytes(2, "big") + data).ljust(size, b"\0"), dtype=np.uint8)


def test_repairs():
    encoder = duality.RlcEncoder()
    for esi in range(24):
        encoder.push(esi, packet(esi), flow=esi)
    checked = set()
    for code, first, window, key, symbol in lines("repair"):
        first, window, key, wanted = int(first), int(window), int(key), bytes.fromhex(symbol)
        if code == "0":
            repair_id = duality.RepairId(repair_key=key, window_size=window, first_esi=first)
            assert encoder.make_repair_for(repair_id).symbol == wanted
        elif code == "1":
            block = np.stack([unit(esi, len(wanted)) for esi in range(first, first + window)])
            assert duality.BlockCodec().encode(block, 1, key)[0].tobytes() == wanted
        else:
            continue  # the codes of libfec are for C++ and C
        checked.add(code)
    assert checked == {"0", "1"}


def test_hold():
    hold, now, released = duality.JitterHold(), 0, []

    def take():
        while (out := hold.poll(now)) is not None:
            released.append([str(out.sequence), str(out.due_ns), str(out.lateness_ns)])

    for i in range(60):
        now = max(now, (5 * i + 20 + 7919 * i % 23) * MS)
        assert hold.push(now, i, 5 * i * MS, i) >= 0
        take()
    now += 1000 * MS
    take()
    assert released == lines("hold")


def test_runs():
    for family, variant, seed, length, event_hash, delivered in lines("lab"):
        result = lab.run(Family(int(family)), Variant(int(variant)), int(seed), seconds=int(length) / 1000)
        assert f"{result.event_hash:016x}" == event_hash.zfill(16)
        assert result.fates["delivered"] == int(delivered)
