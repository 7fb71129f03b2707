#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""`duality relay` as an operator runs it: the configuration file of the examples, two workers, statistics, a drain; and
one for clients with certificates.

    relay_program_test.py PROGRAM

And what it writes anywhere names nobody: no client, target, name, token or payload.
"""
import json
import pathlib
import re
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request

EXAMPLE = pathlib.Path(__file__).resolve().parents[2] / "examples/relay/relay.conf"
PAYLOAD = b"a payload that nobody else reads"
CLIENT = "127.0.0.66"  # of the local program; the tunnel itself comes from 127.0.0.1, where everything else is too
TARGET = "127.0.0.77"
DEADLINE = 20


RUNNING = []


def fail(why):
    for one in RUNNING:
        one.child.kill()
        one.reader.join(1)
        print(one.output)
    sys.exit(f"relay_program_test: {why}")


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def echo_server():
    server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    server.bind((TARGET, 0))

    def serve():
        while True:
            server.sendto(*server.recvfrom(2048))

    threading.Thread(target=serve, daemon=True).start()
    return server.getsockname()[1]


class Program:
    """A running program whose output is kept, line by line."""

    def __init__(self, *command):
        self.output = ""
        self.child = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        self.reader = threading.Thread(target=self.read, daemon=True)
        self.reader.start()
        RUNNING.append(self)

    def read(self):
        for line in self.child.stdout:
            self.output += line

    def wait_for(self, pattern):
        end = time.monotonic() + DEADLINE
        while time.monotonic() < end:
            if found := re.search(pattern, self.output):
                return found
            if self.child.poll() is not None:
                break
            time.sleep(0.02)
        fail(f"no '{pattern}' in:\n{self.output}")

    def end(self):
        code = self.child.wait(DEADLINE)
        self.reader.join(DEADLINE)
        return code


def exchange(program, port):
    """Sends until an echo has come back."""
    for _ in range(5 * DEADLINE):
        program.sendto(PAYLOAD, ("127.0.0.1", port))
        try:
            if program.recv(2048) == PAYLOAD:
                return
        except TimeoutError:
            continue
    fail("no echo through relay and tunnel")


def get(port, path):
    with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=DEADLINE) as answer:
        return answer.read().decode()


def openssl(folder, *words):
    subprocess.run(["openssl", *words], cwd=folder, check=True, capture_output=True)


def certificates(program, folder):
    """A relay for clients with a certificate, as the guide makes them."""
    new_key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]
    openssl(folder, "req", "-x509", *new_key, "-keyout", "clients.key", "-out", "clients.pem", "-subj", "/CN=clients")
    openssl(folder, "req", "-x509", *new_key, "-keyout", "one.key", "-out", "one.pem", "-subj", "/CN=one",
            "-CA", "clients.pem", "-CAkey", "clients.key", "-addext", "basicConstraints=critical,CA:FALSE")
    relay = Program(program, "relay", "--listen", "127.0.0.1:0", "--state", folder / "state", "--workers", "1",
                    "--allow", "127.0.0.0/8", "--client-roots", folder / "clients.pem")
    address = relay.wait_for(r"listening on (\S+), 1 worker")[1]
    pin = relay.wait_for(r"pin (\S+)")[1]
    relay.wait_for("use it: .* --certificate FILE.pem --key FILE.key")
    port = free_port()
    common = ["tunnel", "--relay", address, "--pin", pin, "--target", f"{TARGET}:{echo_server()}", "--no-direct"]
    good = Program(program, *common, "--listen", f"127.0.0.1:{port}", "--certificate", folder / "one.pem", "--key",
                   folder / "one.key")
    without = Program(program, *common, "--listen", "127.0.0.1:0")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as local:
        local.settimeout(0.2)
        exchange(local, port)
    without.wait_for("E002 .*not_admitted")
    mistake = Program(program, *common, "--listen", "127.0.0.1:0", "--certificate", folder / "one.pem")
    if mistake.end() == 0 or "certificate and key need each other" not in mistake.output:
        fail(f"no word about a mistake: {mistake.output}")
    for one in (good, without, relay):
        one.child.terminate()
        one.end()
    if '"refused_certificates": 1' not in relay.output:
        fail(f"the refused client was not counted:\n{relay.output}")


def main():
    program = sys.argv[1]
    with tempfile.TemporaryDirectory() as folder:
        certificates(program, pathlib.Path(folder))
    with tempfile.TemporaryDirectory() as folder:
        state = pathlib.Path(folder)
        stats = free_port()
        relay = Program(program, "relay", "--config", EXAMPLE, "--listen", "127.0.0.1:0", "--state", state,
                        "--stats", f"127.0.0.1:{stats}", "--workers", "2", "--allow", "127.0.0.0/8")
        address = relay.wait_for(r"listening on (\S+), 2 workers")[1]
        pin = relay.wait_for(r"pin (\S+)")[1]
        relay.wait_for("use it:")
        token = (state / "relay.tokens").read_text().strip()
        (state / "other.tokens").write_text("not this one\n")

        def tunnel(tokens, listen, target):
            return Program(program, "tunnel", "--relay", address, "--pin", pin, "--token-file", state / tokens,
                           "--listen", f"127.0.0.1:{listen}", "--target", target, "--no-direct")

        ports = [free_port() for _ in range(3)]
        target = echo_server()
        options = state / "tunnel.conf"
        options.write_text(f"relay = {address}\npin = {pin}\ntoken-file = {state / 'relay.tokens'}\n"
                           f"listen = 127.0.0.1:9\ntarget = {TARGET}:{target}\nno-direct = true\n")
        # The command line counts more than the file.
        good = Program(program, "tunnel", "--config", options, "--listen", f"127.0.0.1:{ports[0]}")
        wrong = tunnel("other.tokens", ports[1], f"{TARGET}:{target}")
        named = tunnel("relay.tokens", ports[2], "name.of-nobody.invalid:9")
        for words in (["--listen", "127.0.0.1:0"], ["--config", options, "--token", "one too many"]):
            mistake = Program(program, "tunnel", *words)
            if mistake.end() == 0 or not re.search("--relay is required|exclude each other", mistake.output):
                fail(f"no word about a mistake: {mistake.output}")
        local = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        local.bind((CLIENT, 0))
        local.settimeout(0.2)
        exchange(local, ports[0])
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
            for port in ports[1:]:
                other.sendto(PAYLOAD, ("127.0.0.1", port))
            end = time.monotonic() + DEADLINE
            while time.monotonic() < end:
                figures = json.loads(get(stats, "/stats"))
                if figures["refused_tokens"] > 0 and figures["failed_targets"] > 0 and figures["open_tunnels"] == 1:
                    break
                time.sleep(0.1)
            else:
                fail(f"the figures do not become what they should: {figures}")
        metrics = get(stats, "/metrics")
        if "duality_relay_open_tunnels 1\n" not in metrics:
            fail("no open tunnel in the metrics")

        relay.child.send_signal(signal.SIGTERM)
        relay.wait_for("draining for at most 60 s")  # as the file says
        exchange(local, ports[0])  # what is open goes on
        for one in (wrong, named, good):
            one.child.terminate()
            one.end()
        if relay.end() != 0:
            fail(f"the relay did not end well:\n{relay.output}")

        written = relay.output + json.dumps(figures) + metrics
        for secret in (CLIENT, TARGET, token, "not this one", "of-nobody", PAYLOAD.decode(), f":{target}"):
            if secret in written:
                fail(f"'{secret}' was written:\n{written}")


main()
