# SPDX-License-Identifier: MIT
"""An independent model of RFC 8682 and RFC 8681 (FEC Encoding ID 10), written from their text alone.

`python3 tests/unit/parity_model.py` prints the vectors of parity_golden_test.cpp. Slow and plain on purpose.
"""

M = 0xFFFFFFFF


def tinymt32(seed):
    mat1, mat2, tmat = 0x8F7011EE, 0xFC78FF1F, 0x3793FDFF
    s = [seed, mat1, mat2, tmat]
    for i in range(1, 8):
        p = s[(i - 1) % 4]
        s[i % 4] ^= (i + 1812433253 * (p ^ (p >> 30))) & M

    def step():
        y = s[3]
        x = (s[0] & 0x7FFFFFFF) ^ s[1] ^ s[2]
        x ^= (x << 1) & M
        y ^= (y >> 1) ^ x
        s[0], s[1], s[2], s[3] = s[1], s[2], x ^ ((y << 10) & M), y
        if y & 1:
            s[1] ^= mat1
            s[2] ^= mat2

    for _ in range(8):
        step()
    while True:
        step()
        t = (s[0] + (s[2] >> 8)) & M
        yield s[3] ^ t ^ (tmat if t & 1 else 0)


def coefficients(key, count, dt):
    draws, out = tinymt32(key), []
    while len(out) < count:
        if dt < 15 and next(draws) % 16 > dt:
            out.append(0)
            continue
        c = 0
        while c == 0:
            c = next(draws) % 256
        out.append(c)
    return out


def multiply(a, b):
    product = 0
    for bit in range(8):
        if b >> bit & 1:
            product ^= a << bit
    for bit in range(14, 7, -1):
        if product >> bit & 1:
            product ^= 0x11D << (bit - 8)
    return product


def unit(esi):
    """Flow id, length and data of the test packet `esi`."""
    length = 5 + 3 * (esi % 4)
    return [esi & 255, length >> 8, length & 255] + [(17 * esi + 7 * k + 3) & 255 for k in range(length)]


def repair(key, dt, first, count):
    units = [unit((first + i) % 2**32) for i in range(count)]
    out = [0] * max(map(len, units))
    for c, u in zip(coefficients(key, count, dt), units):
        for k, byte in enumerate(u):
            out[k] ^= multiply(c, byte)
    return out


def show(name, values):
    print(f"{name}: {{{', '.join(map(str, values))}}}")


if __name__ == "__main__":
    for key, dt in ((0, 15), (1, 15), (65535, 15), (1, 7), (4660, 0), (777, 14)):
        show(f"coefficients key {key} dt {dt}", coefficients(key, 24, dt))
    for key, dt, first, count in ((7, 15, 4294967290, 12), (300, 7, 3, 9)):
        show(f"repair key {key} dt {dt} first {first} count {count}", repair(key, dt, first, count))
