# SPDX-License-Identifier: MIT
"""A session on a real UDP socket, with asyncio: an endpoint that sends what it is given and calls back with what came.

    udp_asyncio.py                            both ends here, over loopback, with one datagram in 50 dropped on purpose
    udp_asyncio.py --listen PORT              the far end, which sends every packet back
    udp_asyncio.py --connect HOST:PORT        the near end, which counts what comes back
"""
import argparse
import asyncio
import random
import time

import duality


class Endpoint(asyncio.DatagramProtocol):
    """One end. Times are those of time.monotonic_ns(); everything runs in the event loop's thread."""

    def __init__(self, on_packet, peer=None, drop=0.0, seed=1):
        self.session = duality.Session()
        self.session.add_path(time.monotonic_ns(), 0)
        self.on_packet, self.peer = on_packet, peer
        self.drop, self.random = drop, random.Random(seed)
        self.transport = self.timer = None

    def connection_made(self, transport):
        self.transport = transport
        self.turn()

    def datagram_received(self, data, address):
        status = self.session.handle_datagram(time.monotonic_ns(), 0, data)
        if status >= 0:  # a session's peer: answers go there, also when its address changes
            self.peer = address
        self.turn()

    def send(self, packet):
        try:
            self.session.send(time.monotonic_ns(), packet)
        finally:
            self.turn()

    def turn(self):
        """Does what there is to do, and comes back when the session says."""
        now = time.monotonic_ns()
        self.session.handle_timeout(now)
        while (out := self.session.poll(now)) is not None:
            if isinstance(out, duality.Transmit):
                if self.peer is not None and self.random.random() >= self.drop:
                    self.transport.sendto(out.data, self.peer)
            elif isinstance(out, duality.Deliver):
                # Not from inside of this loop: the application may send at once.
                asyncio.get_running_loop().call_soon(self.on_packet, out.data)
        if self.timer is not None:
            self.timer.cancel()
        wake = self.session.next_timeout()
        if wake is not None and not self.session.is_closed:
            delay = max(wake - time.monotonic_ns(), 0) / 1e9
            self.timer = asyncio.get_running_loop().call_later(delay, self.turn)

    def close(self):
        self.session.close(time.monotonic_ns())
        self.turn()
        self.timer.cancel()
        self.transport.close()


async def open_endpoint(on_packet, *, local=("127.0.0.1", 0), peer=None, drop=0.0):
    loop = asyncio.get_running_loop()
    _, endpoint = await loop.create_datagram_endpoint(lambda: Endpoint(on_packet, peer, drop), local_addr=local)
    return endpoint


async def echo(port, drop=0.0):
    """The far end: sends every packet back."""
    endpoint = await open_endpoint(lambda packet: endpoint.send(packet), local=("0.0.0.0", port), drop=drop)
    return endpoint


async def ping(peer, packets, drop=0.0):
    """The near end: how many of its packets came back, and how long the median one took, in ms."""
    sent, took = {}, []

    def back(packet):
        number = int.from_bytes(packet[:4], "big")
        if number in sent:
            took.append(time.monotonic() - sent.pop(number))

    endpoint = await open_endpoint(back, local=("0.0.0.0", 0), peer=peer, drop=drop)
    for number in range(packets):
        sent[number] = time.monotonic()
        endpoint.send(number.to_bytes(4, "big") * 100)
        await asyncio.sleep(0.005)
    await asyncio.sleep(0.3)
    statistics = endpoint.session.statistics
    endpoint.close()
    median = sorted(took)[len(took) // 2] * 1000 if took else float("nan")
    print(f"{packets} packets sent, {len(took)} came back, the median one after {median:.1f} ms; "
          f"{statistics.receiver.rebuilt} were rebuilt on the way back")
    return len(took)


async def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--listen", type=int, metavar="PORT")
    parser.add_argument("--connect", metavar="HOST:PORT")
    parser.add_argument("--packets", type=int, default=400)
    options = parser.parse_args()
    if options.listen is not None:
        await echo(options.listen)
        await asyncio.Event().wait()
    elif options.connect:
        host, _, port = options.connect.rpartition(":")
        await ping((host, int(port)), options.packets)
    else:
        far = await echo(0, drop=0.02)
        back = await ping(("127.0.0.1", far.transport.get_extra_info("sockname")[1]), options.packets, drop=0.02)
        far.close()
        if back < options.packets * 0.9:
            raise SystemExit("too few packets came back")


if __name__ == "__main__":
    try:
        asyncio.run(main())
    except KeyboardInterrupt:
        pass
