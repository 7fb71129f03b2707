# SPDX-License-Identifier: MIT
"""CONNECT-UDP (RFC 9298), client and proxy, on the public interface of aioquic, whose QUIC and HTTP/3 nobody here wrote.

Made from the RFCs alone, so that it does not share our mistakes. Both ends speak QUIC datagrams, or capsules only.
"""
import asyncio
import ipaddress
import re
import urllib.parse

import aioquic.asyncio
import aioquic.asyncio.client
import aioquic.asyncio.server
from aioquic.buffer import Buffer, BufferReadError, encode_uint_var
from aioquic.h3.connection import H3Connection
from aioquic.h3.events import DatagramReceived, DataReceived, HeadersReceived
from aioquic.quic.configuration import QuicConfiguration
from aioquic.quic.events import ConnectionTerminated, ProtocolNegotiated

DATAGRAM_CAPSULE = 0
DEFAULT_PATH = "/.well-known/masque/udp/{host}/{port}/"


class CapsuleReader:
    """Cuts capsules (RFC 9297, section 3.2) off a stream."""

    def __init__(self):
        self._kept = b""

    def feed(self, data):
        self._kept += data
        while True:
            buffer = Buffer(data=self._kept)
            try:
                kind = buffer.pull_uint_var()
                value = buffer.pull_bytes(buffer.pull_uint_var())
            except BufferReadError:
                return
            self._kept = self._kept[buffer.tell() :]
            yield kind, value


def capsule(kind, value):
    return encode_uint_var(kind) + encode_uint_var(len(value)) + value


def payload_of(datagram):
    """The UDP payload of an HTTP datagram; None when its context is not that of UDP."""
    return datagram[1:] if datagram[:1] == b"\0" else None


class Http3(aioquic.asyncio.QuicConnectionProtocol):
    """HTTP/3 on a connection; who inherits takes its events."""

    # aioquic announces HTTP datagrams in its SETTINGS together with WebTransport.
    datagrams = True
    http_class = H3Connection

    def __init__(self, *arguments, **options):
        super().__init__(*arguments, **options)
        self.http = None
        self.ended = asyncio.get_running_loop().create_future()

    def quic_event_received(self, event):
        if isinstance(event, ProtocolNegotiated):
            self.http = self.http_class(self._quic, enable_webtransport=self.datagrams)
        if isinstance(event, ConnectionTerminated) and not self.ended.done():
            self.ended.set_result(event)
        if self.http is not None:
            for each in self.http.handle_event(event):
                self.take(each)


class Client(Http3):
    def __init__(self, *arguments, **options):
        super().__init__(*arguments, **options)
        self.requests = {}

    def ask(self, headers, end):
        """Sends a request; the answer gathers in the Request it returns."""
        stream = self._quic.get_next_available_stream_id()
        self.requests[stream] = request = Request(self, stream)
        self.http.send_headers(stream, [(n.encode(), v.encode()) for n, v in headers], end)
        self.transmit()
        return request

    def connect_udp(self, authority, host, port, path=DEFAULT_PATH):
        target = path.format(host=urllib.parse.quote(host, safe=""), port=port)
        return self.ask(
            [
                (":method", "CONNECT"),
                (":protocol", "connect-udp"),
                (":scheme", "https"),
                (":authority", authority),
                (":path", target),
                ("capsule-protocol", "?1"),
            ],
            end=False,
        )

    def take(self, event):
        request = self.requests.get(event.stream_id)
        if request is not None:
            request.take(event)


class Request:
    def __init__(self, client, stream):
        self.client = client
        self.stream = stream
        self.head = asyncio.get_running_loop().create_future()
        self.done = asyncio.get_running_loop().create_future()
        self.body = b""
        self.payloads = []
        self._capsules = CapsuleReader()
        self._came = asyncio.Event()

    def take(self, event):
        if isinstance(event, HeadersReceived) and not self.head.done():
            self.head.set_result({n.decode(): v.decode() for n, v in event.headers})
        elif isinstance(event, DataReceived):
            self.body += event.data
            self._keep(value for kind, value in self._capsules.feed(event.data) if kind == DATAGRAM_CAPSULE)
        elif isinstance(event, DatagramReceived):
            self._keep([event.data])
        if getattr(event, "stream_ended", False) and not self.done.done():
            self.done.set_result(None)

    def _keep(self, datagrams):
        self.payloads += [p for p in map(payload_of, datagrams) if p is not None]
        self._came.set()

    def send(self, payload):
        if self.client.datagrams:
            self.client.http.send_datagram(self.stream, b"\0" + payload)
        else:
            self.client.http.send_data(self.stream, capsule(DATAGRAM_CAPSULE, b"\0" + payload), False)
        self.client.transmit()

    def send_raw(self, data, end=False):
        self.client.http.send_data(self.stream, data, end)
        self.client.transmit()

    async def wait_for(self, count, seconds=5):
        """Until so many payloads have come; how many did."""
        try:
            async with asyncio.timeout(seconds):
                while len(self.payloads) < count:
                    self._came.clear()
                    await self._came.wait()
        except TimeoutError:
            pass
        return len(self.payloads)


class CapsuleClient(Client):
    datagrams = False


def connect(port, trusted, protocol=Client, name="localhost", alpn=("h3",)):
    """A connection to the loopback, as a context manager."""
    configuration = QuicConfiguration(
        is_client=True, alpn_protocols=list(alpn), max_datagram_frame_size=65536, server_name=name
    )
    configuration.load_verify_locations(cafile=trusted)
    return aioquic.asyncio.client.connect(
        "127.0.0.1", port, configuration=configuration, create_protocol=protocol, wait_connected=True
    )


class Tunnel:
    """One CONNECT-UDP request at the proxy, and its socket toward the target."""

    def __init__(self, proxy, stream, use_capsules):
        self.proxy = proxy
        self.stream = stream
        self.use_capsules = use_capsules
        self.socket = None
        self.early = []
        self.capsules = CapsuleReader()

    async def open(self, host, port):
        class Target(asyncio.DatagramProtocol):
            def datagram_received(_, data, address):
                self.down(data)

        self.socket, _ = await asyncio.get_running_loop().create_datagram_endpoint(Target, remote_addr=(host, port))
        self.proxy.http.send_headers(self.stream, [(b":status", b"200"), (b"capsule-protocol", b"?1")])
        self.proxy.transmit()
        for datagram in self.early:
            self.up(datagram)

    def up(self, datagram):
        if self.socket is None:
            if len(self.early) < 16:
                self.early.append(datagram)
        elif (payload := payload_of(datagram)) is not None:
            self.socket.sendto(payload)

    def down(self, payload):
        if self.use_capsules:
            self.proxy.http.send_data(self.stream, capsule(DATAGRAM_CAPSULE, b"\0" + payload), False)
        else:
            self.proxy.http.send_datagram(self.stream, b"\0" + payload)
        self.proxy.transmit()


class Proxy(Http3):
    """Takes every target; records what it was asked for."""

    asked = []

    def __init__(self, *arguments, **options):
        super().__init__(*arguments, **options)
        self.tunnels = {}

    def take(self, event):
        if isinstance(event, HeadersReceived):
            self.request({n.decode(): v.decode() for n, v in event.headers}, event.stream_id)
        elif (tunnel := self.tunnels.get(event.stream_id)) is None:
            return
        elif isinstance(event, DatagramReceived):
            tunnel.up(event.data)
        elif isinstance(event, DataReceived):
            for kind, value in tunnel.capsules.feed(event.data):
                if kind == DATAGRAM_CAPSULE:
                    tunnel.up(value)

    def request(self, head, stream):
        Proxy.asked.append(head)
        path = re.fullmatch(r"/\.well-known/masque/udp/([^/]+)/(\d+)/", head.get(":path", ""))
        if head.get(":method") != "CONNECT" or head.get(":protocol") != "connect-udp" or path is None:
            self.http.send_headers(stream, [(b":status", b"400")], True)
            self.transmit()
            return
        host = str(ipaddress.ip_address(urllib.parse.unquote(path[1])))
        self.tunnels[stream] = Tunnel(self, stream, use_capsules=not self.datagrams)
        asyncio.ensure_future(self.tunnels[stream].open(host, int(path[2])))


class CapsuleProxy(Proxy):
    datagrams = False


async def serve(chain, key, protocol=Proxy):
    """A proxy on the loopback; its port and itself."""
    configuration = QuicConfiguration(is_client=False, alpn_protocols=["h3"], max_datagram_frame_size=65536)
    configuration.load_cert_chain(chain, key)
    server = await aioquic.asyncio.server.serve("127.0.0.1", 0, configuration=configuration, create_protocol=protocol)
    return server._transport.get_extra_info("sockname")[1], server


