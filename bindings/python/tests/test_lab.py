# SPDX-License-Identifier: MIT
"""The lab: the figures of the command line, whoever computes them."""
import concurrent.futures
import gzip
import json
import os
import subprocess

import numpy as np
import pytest

import duality
from duality import lab

OPTIONS = {"seconds": 5}


def test_a_sweep_has_the_figures_of_the_command_line():
    program = os.environ.get("DUALITY_PROGRAM", "")
    if os.path.basename(program) != "duality":
        pytest.skip("the program duality is not built")
    told = json.loads(subprocess.run(
        [program, "lab", "run", "--family", "cable_ftth,leo_satellite", "--variant", "hold,dual", "--seeds", "2",
         "--seconds", "5", "--json", "-"], check=True, capture_output=True).stdout)
    sweep = lab.sweep(["cable_ftth", "leo_satellite"], ["hold", "dual"], seeds=2, **OPTIONS)
    assert len(told["runs"]) == sweep.event_hash.size == 8
    for run, place in zip(told["runs"], np.ndindex(sweep.event_hash.shape)):
        assert int(run["event_hash"], 16) == sweep.event_hash[place]
        for name, values in sweep.figures.items():
            if name in run:
                assert run[name] == values[place], name
    assert {"apparent_loss_pct", "longest_gap_ms", "overhead_pct", "metered_bytes"} <= set(sweep.figures)
    assert sweep.mean("overhead_pct").shape == (2, 2)


def test_an_executor_changes_nothing():
    alone = lab.sweep("wifi_contention", "all", seeds=[3, 4], **OPTIONS)
    with concurrent.futures.ThreadPoolExecutor(2) as executor:
        threads = lab.sweep("wifi_contention", "all", seeds=[3, 4], executor=executor, **OPTIONS)
    with concurrent.futures.ProcessPoolExecutor(2) as executor:
        processes = lab.sweep("wifi_contention", "all", seeds=[3, 4], executor=executor, **OPTIONS)
    assert (alone.event_hash == threads.event_hash).all() and (alone.event_hash == processes.event_hash).all()
    assert len(set(alone.event_hash.flat)) == 12


def test_packets_and_events_of_a_run():
    result = lab.run("reference", "dual", 7, keep_packets=True, keep_events=True, **OPTIONS)
    packets = result.packets
    assert len(packets) == result.figures["packets"] == 1000
    assert sum(result.fates.values()) == 1000
    arrived = packets["arrived_ns"] != duality.NEVER
    assert (packets["arrived_ns"][arrived] > packets["sent_ns"][arrived]).all()
    assert len(result.events) == result.event_count
    assert len(lab.run("reference", "dual", 7, **OPTIONS).packets) == 0


def test_settings_are_checked():
    with pytest.raises(duality.ConfigError) as caught:
        lab.run("reference", payload=15)
    assert caught.value.field == "payload"
    with pytest.raises(duality.ConfigError) as caught:
        lab.run("reference", seconds=0)
    assert caught.value.field == "length_ns"
    with pytest.raises(KeyError):
        lab.run("no_such_family")


def test_traces_from_files_and_arrays(tmp_path):
    random = np.random.default_rng(5)
    send = np.arange(1000, dtype=np.int64) * 5_000_000
    delay = (20_000_000 + random.integers(0, 6_000_000, 1000)).astype(np.int64)
    delay[random.random(1000) < 0.02] = -1
    trace = lab.Trace(send, delay)
    text = "send_ms,delay_ms\n" + "".join(
        f"{s / 1e6:.6f},{'' if d < 0 else f'{d / 1e6:.6f}'}\n" for s, d in zip(send, delay))
    file = tmp_path / "trace.csv.gz"
    file.write_bytes(gzip.compress(text.encode()))
    read = lab.load_trace(file)
    assert (read.rows == trace.rows).all() and len(read) == 1000
    assert lab.replay(read, "dual").event_hash == lab.replay(trace, "dual").event_hash
    bare, protected = lab.replay(trace, "baseline"), lab.replay(trace, "dual")
    assert bare.figures["apparent_loss_pct"] > protected.figures["apparent_loss_pct"]
    assert (trace.baseline() >= 20_000_000).all()
    with pytest.raises(duality.Error, match="line 3"):
        lab.Trace.parse("send_ms,delay_ms\n0,1\n5,minus\n")
    with pytest.raises(duality.Error, match="row 1"):
        lab.Trace(np.array([5, 4]), np.array([1, 1]))


def test_plots_draw(tmp_path):
    pytest.importorskip("matplotlib")
    from matplotlib import pyplot

    sweep = lab.sweep(["cable_ftth", "rural_dsl"], ["baseline", "dual"], seeds=2, **OPTIONS)
    axes = duality.plot.sweep(sweep, "longest_gap_ms")
    assert [t.get_text() for t in axes.get_xticklabels()] == ["cable_ftth", "rural_dsl"]
    assert len(axes.patches) == 4
    axes = duality.plot.packets(lab.run("reference", "dual", keep_packets=True, **OPTIONS))
    assert axes.get_xlabel() == "sent, s"
    with pytest.raises(ValueError):
        duality.plot.packets(lab.run("reference", **OPTIONS))
    duality.plot.trace(lab.Trace(np.arange(100) * 10_000_000, np.full(100, 30_000_000)))
    pyplot.savefig(tmp_path / "plot.png")
    pyplot.close("all")
