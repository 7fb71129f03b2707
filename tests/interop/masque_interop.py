#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""`duality relay` and `duality tunnel` against programs that others wrote: aioquic and curl. Loopback only.

    masque_interop.py --duality PROGRAM [CASE…]      # all cases without names; --list names them

Exits with 77 when what it needs is not there.
"""
import argparse
import asyncio
import base64
import contextlib
import datetime
import hashlib
import ipaddress
import os
import pathlib
import re
import signal
import socket
import subprocess
import sys
import tempfile

SKIPPED = 77
try:
    import aioquic_masque as masque
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec
except ImportError as missing:
    print(f"skipped: {missing}")
    sys.exit(SKIPPED)

PROGRAM = "duality"
CASES = {}


def case(test):
    CASES[test.__name__] = test
    return test


def expect(true, what):
    if not true:
        raise AssertionError(what)


class Echo(asyncio.DatagramProtocol):
    """A target that sends everything back."""

    def connection_made(self, transport):
        self.transport = transport
        self.port = transport.get_extra_info("sockname")[1]
        self.received = []

    def datagram_received(self, data, address):
        self.received.append(data)
        self.transport.sendto(data, address)


@contextlib.asynccontextmanager
async def echo(host="127.0.0.1"):
    transport, protocol = await asyncio.get_running_loop().create_datagram_endpoint(Echo, local_addr=(host, 0))
    try:
        yield protocol
    finally:
        transport.close()


@contextlib.asynccontextmanager
async def program(*arguments, ready):
    """Runs the program until the line that matches `ready`; yields the match."""
    running = await asyncio.create_subprocess_exec(
        PROGRAM, *arguments, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
    )
    said = []
    try:
        async with asyncio.timeout(20):
            while line := (await running.stdout.readline()).decode():
                said.append(line)
                if found := re.search(ready, line):
                    break
            else:
                raise AssertionError(f"{PROGRAM} {arguments[0]} has ended: {''.join(said)}")
        yield found
    finally:
        if running.returncode is None:
            running.send_signal(signal.SIGINT)
            await asyncio.sleep(0.05)
        if running.returncode is None:
            running.kill()
        await running.communicate()


@contextlib.asynccontextmanager
async def relay(*more, allow=("127.0.0.0/8", "::1")):
    """A relay open to everybody; yields its port and its certificate's file."""
    with tempfile.TemporaryDirectory() as state:
        arguments = ["relay", "--listen", "127.0.0.1:0", "--state", state, "--open", "--drain", "0"]
        arguments += [word for prefix in allow for word in ("--allow", prefix)]
        async with program(*arguments, *more, ready=r"listening on 127\.0\.0\.1:(\d+)") as found:
            yield int(found[1]), os.path.join(state, "relay.pem")


def numbered(count, size=200):
    return [i.to_bytes(4, "big") + bytes(size - 4) for i in range(count)]


async def come_back(request, sent, target):
    """Each payload once, and unchanged."""
    await request.wait_for(len(sent))
    lost = [int.from_bytes(p[:4], "big") for p in sent if p not in request.payloads]
    expect(not lost, f"did not come back: {lost}; the target has seen {len(target.received)} of {len(sent)}")
    expect(len(request.payloads) == len(sent), f"{len(request.payloads)} came back for {len(sent)}")


async def exchange(protocol):
    async with echo() as target, relay() as (port, trusted), masque.connect(port, trusted, protocol) as client:
        request = client.connect_udp(f"localhost:{port}", "127.0.0.1", target.port)
        head = await asyncio.wait_for(request.head, 5)
        expect(head[":status"] == "200", head)
        expect(head.get("capsule-protocol") == "?1", head)
        sent = numbered(50)
        for payload in sent:
            request.send(payload)
        await come_back(request, sent, target)
        for size in (0, 1, 1100):
            request.payloads.clear()
            request.send(bytes(size))
            expect(await request.wait_for(1) == 1, f"a payload of {size} bytes did not come back")
            expect(request.payloads == [bytes(size)], f"a payload of {size} bytes came back changed")


@case
async def aioquic_client_datagrams():
    await exchange(masque.Client)


@case
async def aioquic_client_capsules():
    await exchange(masque.CapsuleClient)


async def early(protocol, host):
    first = socket.getaddrinfo(host, 0, type=socket.SOCK_DGRAM)[0][4][0]  # the relay takes the first address too
    async with echo(first) as target, relay() as (port, trusted), masque.connect(port, trusted, protocol) as client:
        request = client.connect_udp(f"localhost:{port}", host, target.port)
        sent = numbered(40)
        for payload in sent:  # the answer cannot have come yet
            request.send(payload)
        expect(not request.head.done(), "the answer was faster than this test")
        head = await asyncio.wait_for(request.head, 5)
        expect(head[":status"] == "200", head)
        await come_back(request, sent, target)


@case
async def aioquic_client_datagrams_before_the_answer():
    await early(masque.Client, "127.0.0.1")


@case
async def aioquic_client_datagrams_before_a_name_is_known():
    await early(masque.Client, "localhost")


@case
async def aioquic_client_capsules_before_the_answer():
    await early(masque.CapsuleClient, "127.0.0.1")


@case
async def aioquic_client_many_flows():
    async with echo() as target, relay() as (port, trusted), masque.connect(port, trusted) as client:
        requests = [client.connect_udp(f"localhost:{port}", "127.0.0.1", target.port) for _ in range(30)]
        for i, request in enumerate(requests):
            expect((await asyncio.wait_for(request.head, 5))[":status"] == "200", "refused")
            request.send(bytes([i]))
        for i, request in enumerate(requests):
            await request.wait_for(1)
            expect(request.payloads == [bytes([i])], f"flow {i} got {request.payloads}")


@case
async def aioquic_client_refusals():
    async with relay(allow=["127.0.0.1/32"]) as (port, trusted), masque.connect(port, trusted) as client:
        authority = f"localhost:{port}"
        refused = client.connect_udp(authority, "127.0.0.2", 9)
        head = await asyncio.wait_for(refused.head, 5)
        expect(head[":status"] == "502", head)
        expect("destination_ip_prohibited" in head.get("proxy-status", ""), head)
        malformed = client.connect_udp(authority, "127.0.0.1", 0)
        expect((await asyncio.wait_for(malformed.head, 5))[":status"] == "400", "port 0 is no port")
        elsewhere = client.connect_udp(authority, "127.0.0.1", 9, path="/somewhere/{host}/{port}/")
        expect((await asyncio.wait_for(elsewhere.head, 5))[":status"] == "404", "there is nothing at that path")


@case
async def aioquic_status_page():
    async with relay() as (port, trusted), masque.connect(port, trusted) as client:
        for method, path, status in [("GET", "/", "200"), ("HEAD", "/", "200"), ("GET", "/x", "404"), ("PUT", "/", "405")]:
            head = [(":method", method), (":scheme", "https"), (":authority", f"localhost:{port}"), (":path", path)]
            answer = client.ask(head, end=True)
            got = await asyncio.wait_for(answer.head, 5)
            await asyncio.wait_for(answer.done, 5)
            expect(got[":status"] == status, f"{method} {path}: {got}")
            expect((b"DUALITY relay" in answer.body) == (method == "GET" and status == "200"), answer.body)
            if status == "200":
                expect(got.get("content-type", "").startswith("text/plain"), got)


@case
async def aioquic_client_without_alpn_is_refused():
    async with relay() as (port, trusted):
        for alpn in ((), ("hq-interop",)):
            try:
                async with asyncio.timeout(5):
                    async with masque.connect(port, trusted, alpn=alpn):
                        pass
            except ConnectionError:
                continue
            raise AssertionError(f"a client that offers {alpn or 'no protocol'} was taken")
        async with masque.connect(port, trusted):
            pass


async def malformed(send, code, protocol=masque.Client):
    """A connection that does `send` ends with the HTTP/3 error `code`, and another one notices nothing."""
    async with echo() as target, relay() as (port, trusted), masque.connect(port, trusted) as other:
        flow = other.connect_udp(f"localhost:{port}", "127.0.0.1", target.port)
        await asyncio.wait_for(flow.head, 5)
        async with masque.connect(port, trusted, protocol) as client:
            send(client)
            client.transmit()
            ended = await asyncio.wait_for(client.ended, 5)
            expect(ended.error_code == code, f"error {ended.error_code:#x} instead of {code:#x}: {ended.reason_phrase}")
        flow.send(b"still there")
        expect(await flow.wait_for(1) == 1, "the other client was hurt")


@case
async def aioquic_reserved_setting():  # RFC 9114, section 7.2.4.1
    class Http(masque.H3Connection):
        def _get_local_settings(self):
            return {**super()._get_local_settings(), 0x02: 1}

    class Client(masque.Client):
        http_class = Http

    await malformed(lambda client: None, 0x109, Client)


@case
async def aioquic_second_control_stream():  # RFC 9114, section 6.2.1
    def send(client):
        stream = client._quic.get_next_available_stream_id(is_unidirectional=True)
        client._quic.send_stream_data(stream, b"\0")

    await malformed(send, 0x103)


@case
async def aioquic_datagram_without_a_stream():  # RFC 9297, section 2.1
    await malformed(lambda client: client._quic.send_datagram_frame(b""), 0x33)


@case
async def aioquic_request_that_begins_with_data():  # RFC 9114, section 4.1
    def send(client):
        client._quic.send_stream_data(client._quic.get_next_available_stream_id(), b"\x00\x01x")

    await malformed(send, 0x105)


@case
async def aioquic_settings_on_a_request():  # RFC 9114, section 7.2.4
    def send(client):
        client._quic.send_stream_data(client._quic.get_next_available_stream_id(), b"\x04\x00")

    await malformed(send, 0x105)


def make_certificate(folder):
    """A certificate that signs itself, for localhost; files of chain and key, and its pin."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    now = datetime.datetime.now(datetime.timezone.utc)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(
            x509.SubjectAlternativeName([x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]),
            critical=False,
        )
        .sign(key, hashes.SHA256())
    )
    encoding = serialization.Encoding
    chain, secret = pathlib.Path(folder, "proxy.pem"), pathlib.Path(folder, "proxy.key")
    chain.write_bytes(made.public_bytes(encoding.PEM))
    secret.write_bytes(
        key.private_bytes(encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    public = key.public_key().public_bytes(encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    return str(chain), str(secret), "sha256//" + base64.b64encode(hashlib.sha256(public).digest()).decode()


async def through_a_foreign_proxy(protocol):
    with tempfile.TemporaryDirectory() as folder:
        chain, key, pin = make_certificate(folder)
        masque.Proxy.asked = []
        port, server = await masque.serve(chain, key, protocol)
        local = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        local.bind(("127.0.0.1", 0))
        local.setblocking(False)
        with contextlib.closing(server), contextlib.closing(local):
            async with echo() as target:
                arguments = ["tunnel", "--relay", f"localhost:{port}", "--relay-address", f"127.0.0.1:{port}"]
                arguments += ["--pin", pin, "--listen", "127.0.0.1:0", "--target", f"127.0.0.1:{target.port}"]
                async with program(*arguments, "--no-direct", ready=r"127\.0\.0\.1:(\d+)") as found:
                    entrance = ("127.0.0.1", int(found[1]))
                    loop = asyncio.get_running_loop()
                    sent = numbered(50)
                    came = []
                    async with asyncio.timeout(10):
                        for payload in sent:
                            await loop.sock_sendto(local, payload, entrance)
                            came.append(await loop.sock_recv(local, 2048))
                    expect(came == sent, "what came back is not what was sent")
                    expect(len(target.received) == len(sent), "the target has seen something else")
    head = masque.Proxy.asked[0]
    expect(head[":protocol"] == "connect-udp" and head["capsule-protocol"] == "?1", head)
    expect(head[":path"] == f"/.well-known/masque/udp/127.0.0.1/{target.port}/", head)


@case
async def aioquic_proxy_datagrams():
    await through_a_foreign_proxy(masque.Proxy)


@case
async def aioquic_proxy_capsules():
    await through_a_foreign_proxy(masque.CapsuleProxy)


def curl_version():
    try:
        return subprocess.run(["curl", "--version"], capture_output=True, text=True, check=True).stdout
    except (OSError, subprocess.CalledProcessError):
        return ""


@case
async def curl_status_page():
    if "HTTP3" not in curl_version():
        print("skipped: this curl knows no HTTP/3")
        sys.exit(SKIPPED)
    async with relay() as (port, trusted):
        run = await asyncio.create_subprocess_exec(
            *["curl", "--silent", "--show-error", "--http3-only", "--max-time", "10", "--cacert", trusted],
            *["--write-out", "%{http_version} %{http_code} %{content_type}", f"https://localhost:{port}/"],
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        out, errors = await run.communicate()
        expect(run.returncode == 0, errors.decode())
        expect(out.decode().endswith("3 200 text/plain"), out)
        expect(b"DUALITY relay" in out, out)


def main():
    global PROGRAM
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--duality", help="the program")
    parser.add_argument("--list", action="store_true")
    parser.add_argument("cases", nargs="*", metavar="CASE")
    options = parser.parse_args()
    if options.list:
        print("\n".join(CASES))
        return
    if not options.duality:
        parser.error("--duality is wanted")
    PROGRAM = options.duality
    for name in options.cases or CASES:
        asyncio.run(asyncio.wait_for(CASES[name](), 60))
        print(f"{name}: passed")


if __name__ == "__main__":
    main()
