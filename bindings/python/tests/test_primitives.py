# SPDX-License-Identifier: MIT
"""Primitives: the same answers as C++, arrays read where they lie, errors that name what is wrong."""
import array
import threading

import numpy as np
import pytest
from hypothesis import given, settings, strategies

import duality
from duality import Status

MS = 1_000_000


def arrivals(count, seed=1, loss=0.0):
    random = np.random.default_rng(seed)
    sequence = np.flatnonzero(random.random(count) >= loss).astype(np.uint64)
    origin = sequence.astype(np.int64) * 5 * MS
    delay = 30 * MS + np.abs(random.normal(0, 3 * MS, len(sequence))).astype(np.int64)
    return np.maximum.accumulate(origin + delay), sequence, origin


def packet(esi):
    """The packets of the published model's repair vectors."""
    return bytes((17 * esi + 7 * k + 3) % 256 for k in range(5 + 3 * (esi % 4)))


@pytest.mark.parametrize("repair_key, density, window, first, symbol", [
    (7, 15, 12, 4294967290, [122, 0, 218, 81, 240, 187, 65, 194, 18, 224, 253, 115, 75, 177, 220, 78, 201]),
    (300, 7, 9, 3, [74, 0, 36, 15, 254, 162, 112, 73, 101, 100, 24, 137, 50, 90, 46, 6, 209]),
])
def test_repairs_are_those_of_the_golden_vectors(repair_key, density, window, first, symbol):
    encoder = duality.RlcEncoder()
    for i in range(window):
        esi = (first + i) % 2**32
        encoder.push(esi, packet(esi), flow=esi % 256)
    repair_id = duality.RepairId(repair_key=repair_key, density_threshold=density, window_size=window, first_esi=first)
    assert list(encoder.make_repair_for(repair_id).symbol) == symbol


def test_repair_id_has_the_layout_of_rfc_8681():
    repair_id = duality.RepairId(repair_key=0x1234, density_threshold=15, window_size=0xABC, first_esi=0xDEADBEEF)
    wire = duality.write_repair_id(repair_id)
    assert wire == bytes([0x12, 0x34, 0xFA, 0xBC, 0xDE, 0xAD, 0xBE, 0xEF])
    assert duality.parse_repair_id(wire) == repair_id
    with pytest.raises(duality.Error) as caught:
        duality.parse_repair_id(wire[:7])
    assert caught.value.status is Status.MALFORMED


def test_batch_encoding_gives_the_repairs_of_single_calls():
    sources = np.random.default_rng(2).integers(0, 256, (100, 120), dtype=np.uint8)
    ids, symbols = duality.RlcEncoder().encode(sources, first_esi=1000, window_size=40, every=20)
    assert symbols.shape == (5, 123)
    encoder = duality.RlcEncoder()
    for i, row in enumerate(sources):
        encoder.push(1000 + i, row)
        if i % 20 == 19:
            names = ids.dtype.names
            repair_id = duality.RepairId(**{name: int(ids[i // 20][name]) for name in names})
            assert encoder.make_repair_for(repair_id).symbol == bytes(symbols[i // 20])
    assert ids["first_esi"].tolist() == [1000, 1000, 1020, 1040, 1060]
    assert ids["window_size"].tolist() == [20, 40, 40, 40, 40]


@settings(max_examples=25, deadline=None)
@given(strategies.data())
def test_lost_packets_come_back(data):
    count = data.draw(strategies.integers(1, 30))
    packets = [data.draw(strategies.binary(max_size=40)) for _ in range(count)]
    lost = data.draw(strategies.sets(strategies.integers(0, count - 1), max_size=min(count, 4)))
    encoder, decoder = duality.RlcEncoder(), duality.RlcDecoder()
    decoder.begin(0)
    for esi, bytes_of in enumerate(packets):
        encoder.push(esi, bytes_of, flow=esi % 7)
        if esi not in lost:
            assert decoder.push_source(esi, bytes_of, flow=esi % 7) == Status.OK
    back = {}
    for _ in range(len(lost) + 3):
        repair = encoder.make_repair(count)
        assert not decoder.push_repair(repair.id, repair.symbol) < 0
        while (unit := decoder.poll()) is not None:
            back[unit.esi] = (unit.data, unit.flow)
    assert back == {esi: (packets[esi], esi % 7) for esi in lost}


def test_blocks_are_repaired_in_place():
    random = np.random.default_rng(3)
    block = random.integers(0, 256, (20, 64), dtype=np.uint8)
    codec = duality.BlockCodec()
    repairs = codec.encode(block, 5)
    assert (repairs[0] == np.bitwise_xor.reduce(block)).all()
    damaged, present = block.copy(), np.ones(20, dtype=bool)
    for i in (0, 7, 19):
        damaged[i], present[i] = 0, False
    indices = np.array([4, 1, 2], dtype=np.uint32)
    assert codec.decode(damaged, present, repairs[:1], indices[:1]) == Status.NEED_MORE
    assert codec.decode(damaged, present, repairs[indices], indices) == Status.OK
    assert (damaged == block).all()
    assert codec.decode(damaged, present, repairs[:2], np.array([1, 1], dtype=np.uint32)) in (
        Status.MALFORMED, Status.NEED_MORE)
    damaged.flags.writeable = False
    with pytest.raises(duality.Error, match="sources must be .* writable"):
        codec.decode(damaged, present, repairs[indices], indices)


def test_batch_detection_gives_what_single_calls_give():
    now, sequence, origin = arrivals(4000, loss=0.03)
    statuses, regimes, events = duality.RegimeDetector().on_arrivals(now, sequence, origin)
    one = duality.RegimeDetector()
    seen, expected = [], []
    for n, s, o in zip(now.tolist(), sequence.tolist(), origin.tolist()):
        assert one.on_arrival(n, s, o) == statuses[len(seen)]
        seen.append(one.current)
        while (event := one.poll_event()) is not None:
            expected.append(event)
    assert seen == regimes.tolist() and events == expected and expected
    assert duality.Regime.LOSSY in seen


def test_arrays_are_read_where_they_lie_and_never_converted():
    now, sequence, origin = arrivals(100)
    detector = duality.RegimeDetector()
    detector.on_arrivals(array.array("q", now.tolist()), memoryview(sequence), origin)
    for bad in (now.astype(float), now.astype(np.int32), now[::2], now.reshape(2, 50), now.tolist()):
        with pytest.raises(duality.Error, match="now_ns must be a 1-dimensional C-contiguous buffer of int64"):
            detector.on_arrivals(bad, sequence, origin)
    with pytest.raises(duality.Error, match="sequence has 99 elements, not 100"):
        detector.on_arrivals(now, sequence[1:], origin)
    # While the library reads a buffer its owner cannot give it up; afterwards it can.
    store = bytearray(50 * 20)
    duality.RlcEncoder().encode(memoryview(store).cast("B", (50, 20)), 0, 10, 10)
    store.append(0)


def test_a_trace_shows_its_own_memory():
    trace = duality.lab.Trace(np.array([7, 8, 9]), np.array([1, -1, 3]))
    rows = trace.rows
    assert rows.tolist() == [[0, 1], [1, -1], [2, 3]]
    assert np.shares_memory(rows, trace.rows) and not rows.flags.owndata
    del trace
    assert rows.sum() == 6
    with pytest.raises(ValueError):
        rows[0, 0] = 1


def test_other_threads_run_during_a_batch_call():
    now, sequence, origin = arrivals(400_000)
    detector = duality.RegimeDetector()
    begun, outcome = threading.Event(), []

    def work():
        begun.set()
        outcome.append(detector.on_arrivals(now, sequence, origin))

    thread = threading.Thread(target=work)
    refused = 0
    thread.start()
    begun.wait()
    while thread.is_alive():
        try:
            detector.statistics
        except duality.Error as error:
            assert error.status is Status.WRONG_STATE
            refused += 1
    thread.join()
    # This thread came in while the other one was inside; with the GIL held it never could have.
    assert refused > 0 and len(outcome) == 1
    assert detector.statistics.arrivals == 400_000


def test_errors_name_the_field():
    with pytest.raises(duality.ConfigError) as caught:
        duality.RegimeDetector(duality.RegimeConfig(gap_floor_ns=5))
    error = caught.value
    assert (error.status, error.field, error.low, error.high, error.unit) == (
        Status.INVALID_CONFIG, "gap_floor_ns", MS, 1000 * MS, "ns")
    assert isinstance(error, ValueError) and "gap_floor_ns must be between" in str(error)
    with pytest.raises(duality.ConfigError) as caught:
        duality.JitterHold(duality.JitterHoldConfig(baseline=duality.BaselineConfig(window_ns=1)))
    assert caught.value.field == "baseline.window_ns"
    with pytest.raises(duality.ConfigError) as caught:
        duality.Session(duality.SessionConfig(reorder_delay_ns=2000 * MS))
    assert (caught.value.field, caught.value.high, caught.value.unit) == ("reorder_delay_ns", 1000 * MS, "ns")
    with pytest.raises(TypeError, match="RegimeConfig has no field 'gap'"):
        duality.RegimeConfig(gap=1)
    with pytest.raises(TypeError):
        duality.RegimeConfig(gap_floor_ns=1.5e6)
    with pytest.raises(ValueError, match="9 is not a valid ControlLaw"):
        duality.ControllerConfig(law=9)


def test_the_hold_plays_a_flow():
    now, sequence, origin = arrivals(2000)
    hold = duality.JitterHold()
    played = hold.play(now, sequence, origin)
    assert sorted(played["index"].tolist()) == list(range(len(now)))
    assert (np.diff(played["released_ns"]) >= 0).all()
    assert (played["released_ns"] >= now[played["index"]]).all()
    assert hold.statistics.released == len(now) and len(hold) == 0
    # The spacing is more even than it came.
    assert np.diff(played["released_ns"]).std() < np.diff(now).std() / 2
    one = duality.JitterHold()
    assert one.push(int(now[0]), 0, 0, token=77) == Status.OK
    assert one.poll(int(now[0])) is None
    released = one.poll(one.next_timeout())
    assert released.token == 77 and one.next_timeout() is None
    assert one.push(int(now[0]), 0, 0, token=78) == Status.DUPLICATE


def test_controller_answers_loss_with_parity():
    controller = duality.Controller()
    inputs = duality.ControlInputs(rtt_ns=200 * MS, features=duality.RegimeFeatures(
        loss_ppm=20_000, loss_slow_ppm=20_000, mean_burst_x16=16, packets=2000))
    for step in range(100):
        outputs = controller.update(step * 20 * MS, inputs)
    assert outputs.parity_bp > 100
    event = controller.poll_event()
    assert event.inputs.features.loss_ppm == 20_000 and isinstance(event.reason, duality.ControlReason)


def test_statistics_of_arrays():
    delays = np.arange(1000, dtype=np.int64) * MS // 10
    variation = duality.DelayVariation()
    variation.add_all(delays)
    assert len(variation) == 1000
    assert abs(variation.quantile_ns(5000) - 50 * MS) < MS // 5
    gaps = duality.BurstGap()
    gaps.add_all(np.array([False] * 50 + [True, False, True] + [False] * 50))
    assert (gaps.packets, gaps.lost, gaps.bursts) == (103, 2, 1)
    ledger = duality.OutageLedger()
    ledger.add_all(np.array([5, 50, 130, 500]) * MS)
    assert list(ledger.counts) == [3, 2, 2, 1] and ledger.longest_ns == 500 * MS
    with pytest.raises(duality.Error):
        duality.BurstGap(0)


def test_service_level_raises_an_alarm():
    config = duality.ServiceLevelConfig(miss_max_ppm=10_000, promise=duality.AlarmPromise.PROBABILITY)
    monitor = duality.ServiceLevel(config)
    at = np.arange(1400, dtype=np.int64) * 50 * MS
    in_time = np.ones(1400, dtype=bool)
    in_time[:1000:100] = False
    assert len(monitor.observe_all(at[:1000], in_time[:1000])) == 0 and monitor.evidence < monitor.threshold
    in_time[1000::4] = False
    alarms = monitor.observe_all(at[1000:], in_time[1000:])
    assert len(alarms) == monitor.statistics.alarms > 0 and alarms[-1] == monitor.statistics.last_alarm_ns
    assert monitor.statistics.missed == 110 and monitor.observe(0, True) in (True, False)
    assert monitor.statistics.clock_backwards == 1
    with pytest.raises(duality.ConfigError):
        duality.ServiceLevel(duality.ServiceLevelConfig(miss_max_ppm=0))
    with pytest.raises(duality.Error):
        monitor.observe_all(at, in_time[1:])


def test_clock_sync_finds_the_offset():
    clock = duality.ClockSync()
    offset, now = 123 * MS, 0
    for _ in range(60):
        now = max(now, clock.next_request())
        t1 = clock.on_request(now)
        arrived = now + 10 * MS + offset
        assert clock.on_response(now + 20 * MS, t1, arrived, arrived) == Status.OK
        now += 20 * MS
    estimate = clock.estimate(now)
    assert estimate.state is duality.ClockState.LOCKED
    assert abs(estimate.offset_ns - offset) <= estimate.error_bound_ns <= 12 * MS
