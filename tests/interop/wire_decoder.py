#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""A second reader and writer of wire format v1, made from docs/wire-format.md and nothing else.

    wire_decoder.py HEX...                                 decodes packets, one JSON object per line
    wire_decoder.py --dump PROGRAM --document WIRE-FORMAT  compares with what PROGRAM wrote and with the examples

PROGRAM prints lines of `origin hex json`. The JSON must be ours to the last character; a packet that a writer made
(every origin but `damaged`) must also come back byte for byte when it is written again from its JSON.
"""

import argparse
import collections
import json
import re
import subprocess
import sys

TICK_NS = 1 << 14
U32 = (1 << 32) - 1
TYPES = {0x00: "data", 0x02: "repair", 0x04: "feedback", 0x06: "clock", 0x08: "probe", 0x0A: "close", 0x0C: "copy",
         0x0E: "reactive_repair", 0x10: "closed", 0x12: "epoch",
         0x14: "events"}


class Malformed(Exception):
    pass


class Reader:
    def __init__(self, data):
        self.data = data
        self.at = 0

    def left(self):
        return len(self.data) - self.at

    def take(self, count):
        if self.left() < count:
            raise Malformed
        self.at += count
        return self.data[self.at - count:self.at]

    def rest(self):
        return self.take(self.left())

    def uint(self, size):
        return int.from_bytes(self.take(size), "big")

    def varint(self, least=0, most=(1 << 62) - 1):
        if self.left() == 0:
            raise Malformed
        size = 1 << (self.data[self.at] >> 6)
        value = self.uint(size) & ((1 << (8 * size - 2)) - 1)
        if not least <= value <= most:
            raise Malformed
        return value

    def choice(self, most):
        value = self.uint(1)
        if value > most:
            raise Malformed
        return value


def read_data(r):
    return {"esi": r.uint(4), "stream": r.uint(1), "origin": r.uint(3), "payload": r.rest().hex()}


def read_copy(r):
    return {"reason": r.choice(3), **read_data(r)}


def read_repair(r):
    if r.left() < 9:
        raise Malformed
    key, middle, first = r.uint(2), r.uint(2), r.uint(4)
    return {"repair_key": key, "dt": middle >> 12, "nss": middle & 0xFFF, "fss_esi": first, "symbol": r.rest().hex()}


def read_feedback(r):
    flags = r.uint(1)
    if flags & ~0x3F:
        raise Malformed
    out = {"newest_esi": r.uint(4), "known_run": r.varint(most=U32)}
    out["ranges"] = [[r.varint(1, U32), r.varint(1, U32)] for _ in range(r.varint(most=16))]
    if flags & 0x01:
        out["symbols_needed"] = r.varint(1, U32)
        first = r.varint(most=U32)
        last = r.varint(most=first)
        out["first_missing"] = (out["newest_esi"] - first) & U32
        out["last_missing"] = (out["newest_esi"] - last) & U32
        out["by_when"] = r.varint(most=U32) * TICK_NS
    if flags & 0x08:
        out["called"] = r.varint(1, 31)
        out["last_called"] = (out["newest_esi"] + r.varint(most=62) - 31) & U32
        out["odds"] = r.uint(1)
    if flags & 0x02:
        out["regime"] = r.choice(4)
        out["loss20"] = r.varint(most=20)
        out["j_fast"] = r.varint(most=U32) * TICK_NS
        out["j_slow"] = r.varint(most=U32) * TICK_NS
        out["loss_ppm"] = r.varint(most=1_000_000)
        out["mean_burst_x16"] = r.varint(most=U32)
    if flags & 0x20:
        out["missed"] = r.uint(2)
    out["paths"] = [[r.uint(1), r.uint(2), r.varint(most=U32) * TICK_NS, r.uint(2)]
                    for _ in range(r.varint(1 if flags & 0x04 else 0, 8))]
    if flags & 0x04:
        out["stalled"] = True
    if flags & 0x10:
        out["in_funds"] = True
    return out


def read_clock(r):
    response = r.choice(1) == 1
    out = {"response": response, "t1": r.uint(8)}
    if response:
        out["t2"] = r.uint(8)
        out["t3"] = r.uint(8)
    return out


def read_probe(r):
    return {"response": r.choice(1) == 1, "token": r.uint(4)}


def read_close(r):
    return {"reason": r.varint()}


def read_epoch(r):
    return {"asks": r.choice(1) == 1, "own": r.uint(4), "known": r.uint(4)}


def read_events(r):
    if r.left() == 0:
        raise Malformed
    return {"message": r.rest().hex()}


READERS = {"data": read_data, "copy": read_copy, "repair": read_repair, "reactive_repair": read_repair,
           "feedback": read_feedback, "clock": read_clock, "probe": read_probe, "close": read_close,
           "closed": read_close, "epoch": read_epoch, "events": read_events}


def decode(packet):
    """The packet as a dictionary, and the frame types in it as they were written."""
    r = Reader(packet)
    if packet and packet[0] != 1:
        return {"status": "unsupported_version"}, []
    try:
        r.uint(1)
        sequence = r.uint(2)
        if r.left() == 0:
            raise Malformed
    except Malformed:
        return {"status": "malformed"}, []
    out = {"status": "ok", "path_sequence": sequence, "frames": [], "unknown_frames": 0}
    types = []
    try:
        while r.left():
            kind = r.varint()
            body = Reader(r.take(r.varint()) if kind & 1 else r.rest())
            name = TYPES.get(kind & ~1)
            if name is None:
                out["unknown_frames"] += 1
                continue
            fields = READERS[name](body)
            if body.left():
                raise Malformed
            out["frames"].append({"type": name, **fields})
            types.append(kind)
    except Malformed:
        out["status"] = "malformed"
    return out, types


def canonical(decoded):
    return json.dumps(decoded, separators=(",", ":"))


def varint(value):
    for size, tag in ((1, 0), (2, 1), (4, 2), (8, 3)):
        if value < 1 << (8 * size - 2):
            return (value | tag << (8 * size - 2)).to_bytes(size, "big")
    raise ValueError(value)


def write_data(f):
    return (f["esi"].to_bytes(4, "big") + f["stream"].to_bytes(1, "big") + f["origin"].to_bytes(3, "big") +
            bytes.fromhex(f["payload"]))


def write_copy(f):
    return bytes([f["reason"]]) + write_data(f)


def write_repair(f):
    return (f["repair_key"].to_bytes(2, "big") + (f["dt"] << 12 | f["nss"]).to_bytes(2, "big") +
            f["fss_esi"].to_bytes(4, "big") + bytes.fromhex(f["symbol"]))


def write_feedback(f):
    named = ("symbols_needed", "regime", "stalled", "called", "in_funds", "missed")
    flags = sum((name in f) << bit for bit, name in enumerate(named))
    out = bytes([flags]) + f["newest_esi"].to_bytes(4, "big") + varint(f["known_run"]) + varint(len(f["ranges"]))
    for missing, known in f["ranges"]:
        out += varint(missing) + varint(known)
    if flags & 1:
        out += varint(f["symbols_needed"])
        out += varint((f["newest_esi"] - f["first_missing"]) & U32)
        out += varint((f["newest_esi"] - f["last_missing"]) & U32)
        out += varint(f["by_when"] // TICK_NS)
    if flags & 8:
        out += varint(f["called"]) + varint((f["last_called"] - f["newest_esi"] + 31) & U32) + bytes([f["odds"]])
    if flags & 2:
        out += bytes([f["regime"]]) + varint(f["loss20"])
        out += varint(f["j_fast"] // TICK_NS) + varint(f["j_slow"] // TICK_NS)
        out += varint(f["loss_ppm"]) + varint(f["mean_burst_x16"])
    if flags & 32:
        out += f["missed"].to_bytes(2, "big")
    out += varint(len(f["paths"]))
    for path, newest, age, received in f["paths"]:
        out += bytes([path]) + newest.to_bytes(2, "big") + varint(age // TICK_NS) + received.to_bytes(2, "big")
    return out


def write_clock(f):
    times = [f["t1"], f["t2"], f["t3"]] if f["response"] else [f["t1"]]
    return bytes([f["response"]]) + b"".join(t.to_bytes(8, "big") for t in times)


def write_probe(f):
    return bytes([f["response"]]) + f["token"].to_bytes(4, "big")


def write_close(f):
    return varint(f["reason"])


def write_epoch(f):
    return bytes([f["asks"]]) + f["own"].to_bytes(4, "big") + f["known"].to_bytes(4, "big")


def write_events(f):
    return bytes.fromhex(f["message"])


WRITERS = {"data": write_data, "copy": write_copy, "repair": write_repair, "reactive_repair": write_repair,
           "feedback": write_feedback, "clock": write_clock, "probe": write_probe, "close": write_close,
           "closed": write_close, "epoch": write_epoch, "events": write_events}


def encode(decoded, types):
    """The packet that `decode` was given, if it was written as a sender writes: lengths in two bytes."""
    out = b"\x01" + decoded["path_sequence"].to_bytes(2, "big")
    for kind, frame in zip(types, decoded["frames"]):
        body = WRITERS[frame["type"]](frame)
        out += varint(kind)
        if kind & 1:
            out += (0x4000 | len(body)).to_bytes(2, "big")
        out += body
    return out


def examples_of(document):
    """Pairs of packet and JSON from the code blocks of section 9."""
    with open(document, encoding="utf-8") as file:
        section = file.read().split("## 9. Examples")[1]
    for block in re.findall(r"```\n(.*?)\n```", section, re.S):
        spaced, text = block.split("\n{", 1)
        yield "".join(spaced.split()), "{" + re.sub(r"\s", "", text)


def check(dump, document):
    lines = subprocess.run([dump], check=True, stdout=subprocess.PIPE, encoding="ascii").stdout.splitlines()
    mismatches = 0
    seen = collections.Counter()
    origins = collections.Counter()
    status = collections.Counter()
    from_program = {}
    for line in lines:
        origin, packet, expected = line.split(" ", 2)
        data = bytes.fromhex(packet.strip("-"))
        decoded, types = decode(data)
        origins[origin] += 1
        status[decoded["status"]] += 1
        seen.update(types)
        if origin == "example":
            from_program[packet] = expected
        wrong = canonical(decoded) != expected
        if origin != "damaged" and (decoded["status"] != "ok" or encode(decoded, types) != data):
            wrong = True
        if wrong:
            mismatches += 1
            if mismatches <= 5:
                print(f"{origin} {packet}\n  expected {expected}\n  decoded  {canonical(decoded)}")
    for packet, text in examples_of(document):
        if from_program.pop(packet, None) != text:
            mismatches += 1
            print(f"{document}: example {packet} is not what the library writes and reads")
    for packet in from_program:
        mismatches += 1
        print(f"{document}: misses the example {packet}")
    for kind, name in TYPES.items():
        for form in (kind, kind | 1):
            if seen[form] < 50:
                mismatches += 1
                print(f"only {seen[form]} frames of type 0x{form:02x} ({name})")
    print(f"{len(lines)} packets ({', '.join(f'{n} {o}' for o, n in sorted(origins.items()))}), "
          f"{sum(seen.values())} frames, {', '.join(f'{n} {s}' for s, n in sorted(status.items()))}, "
          f"{mismatches} mismatches")
    return 0 if mismatches == 0 and len(lines) >= 5000 else 1


def main():
    parser = argparse.ArgumentParser(description="decodes DUALITY wire format v1")
    parser.add_argument("packets", nargs="*", metavar="HEX")
    parser.add_argument("--dump", help="program whose packets to compare")
    parser.add_argument("--document", help="docs/wire-format.md")
    arguments = parser.parse_args()
    if arguments.dump:
        return check(arguments.dump, arguments.document)
    for packet in arguments.packets:
        print(canonical(decode(bytes.fromhex(packet))[0]))
    return 0


if __name__ == "__main__":
    sys.exit(main())
