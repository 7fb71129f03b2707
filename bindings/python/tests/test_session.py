# SPDX-License-Identifier: MIT
"""Two sessions joined in virtual time."""
import pytest

import duality
from duality import Status

MS = 1_000_000
DELAY = 10 * MS


def pair_run(packets, loss_every, config=None):
    """A flow from one session to another over a path that loses one datagram in `loss_every`."""
    ends = [duality.Session(config or duality.SessionConfig()) for _ in range(2)]
    for end in ends:
        end.add_path(0, 0)
    wire, delivered, events, carried, now = [], [], [], 0, 0
    for step in range(packets + 40):
        if step < packets:
            ends[0].send(now, step.to_bytes(4, "big") * 50)
        until = now + 5 * MS
        while True:
            for i, end in enumerate(ends):
                while (out := end.poll(now)) is not None:
                    if isinstance(out, duality.Transmit):
                        carried += 1
                        if carried % loss_every:
                            wire.append((now + DELAY, 1 - i, out.path, out.data))
                    elif isinstance(out, duality.Deliver):
                        delivered.append(int.from_bytes(out.data[:4], "big"))
                    else:
                        events.append(out)
            wakes = [t for end in ends if (t := end.next_timeout()) is not None] + [arrival[0] for arrival in wire[:1]]
            if not wakes or min(wakes) > until:
                break
            now = max(now, min(wakes))
            while wire and wire[0][0] <= now:
                _, to, path, data = wire.pop(0)
                assert ends[to].handle_datagram(now, path, data) >= 0
            for end in ends:
                end.handle_timeout(now)
        now = until
    return ends, delivered, events, now


def test_everything_arrives_over_a_path_that_loses_packets():
    ends, delivered, events, now = pair_run(packets=400, loss_every=30)
    assert sorted(delivered) == list(range(400))  # each once
    assert ends[0].statistics.sender.source.packets == 400
    assert ends[1].statistics.receiver.rebuilt > 0
    assert any(e.path is not None and e.decision is None for e in events)
    assert ends[0].path(now, 0).rtt_min_ns >= 2 * DELAY
    assert ends[1].features(now).packets > 300


def test_the_same_run_twice_is_the_same():
    assert pair_run(100, 10)[1:] == pair_run(100, 10)[1:]


def test_misuse_raises_and_what_peers_send_does_not():
    session = duality.Session()
    session.add_path(0, 0)
    for call, status in [
        (lambda: session.add_path(0, 0), Status.INVALID_ARGUMENT),
        (lambda: session.remove_path(0, 9), Status.UNKNOWN_PATH),
        (lambda: session.send(0, b"x", stream=200), Status.UNKNOWN_STREAM),
        (lambda: session.send(0, bytes(1201)), Status.TOO_LARGE),
    ]:
        with pytest.raises(duality.Error) as caught:
            call()
        assert caught.value.status is status
    assert session.handle_datagram(0, 0, b"\xff" * 30) < 0
    assert session.handle_datagram(0, 9, b"") is Status.UNKNOWN_PATH
    session.close(0)
    with pytest.raises(duality.Error) as caught:
        session.send(0, b"x")
    assert caught.value.status is Status.CLOSED
