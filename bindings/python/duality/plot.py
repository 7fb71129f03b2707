# SPDX-License-Identifier: MIT
"""Plots with matplotlib, which is imported when the first one is drawn. Each returns the axes it drew on."""

from __future__ import annotations

from typing import Any, Optional

import numpy as np
import numpy.typing as npt

from .enums import Recovery
from .lab import RunResult, Sweep, Trace

__all__ = ["packets", "sweep", "trace"]

NS_PER_MS = 1e6
NS_PER_S = 1e9
_NEVER = np.iinfo(np.int64).max


def _axes(axes: Optional[Any]) -> Any:
    if axes is not None:
        return axes
    from matplotlib import pyplot

    return pyplot.subplots(figsize=(9, 4), constrained_layout=True)[1]


def sweep(result: Sweep, figure: str = "apparent_loss_pct", axes: Optional[Any] = None) -> Any:
    """One figure of a sweep: a bar for the mean of every variant, grouped by family, a line from the least to the most
    of its seeds."""
    axes = _axes(axes)
    values = result[figure]
    width = 0.8 / len(result.variants)
    places = np.arange(len(result.families))
    for i, variant in enumerate(result.variants):
        mean = values[:, i].mean(axis=1)
        spread = np.abs(np.stack([values[:, i].min(axis=1), values[:, i].max(axis=1)]) - mean)
        at = places + (i - (len(result.variants) - 1) / 2) * width
        axes.bar(at, mean, width, yerr=spread, label=variant.name.lower(), error_kw={"linewidth": 0.8})
    axes.set_xticks(places, [family.name.lower() for family in result.families])
    axes.set_ylabel(figure)
    axes.legend()
    return axes


def packets(result: RunResult, axes: Optional[Any] = None) -> Any:
    """Delay of every packet above the idle path over the time it was sent: as it arrived, and as it was released, coloured
    by what recovered it. Needs a run with keep_packets."""
    rows = result.packets
    if len(rows) == 0:
        raise ValueError("the run kept no packets; run it with keep_packets=True")
    axes = _axes(axes)
    sent = rows["sent_ns"] / NS_PER_S

    def above_idle(times: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
        delay = (times - rows["sent_ns"] - rows["baseline_ns"]) / NS_PER_MS
        return np.where(times == _NEVER, np.nan, delay)

    axes.plot(sent, above_idle(rows["arrived_ns"]), ".", color="0.75", markersize=3, label="arrived")
    released = above_idle(rows["released_ns"])
    for how in Recovery:
        chosen = rows["recovered_by"] == how
        if (chosen & ~np.isnan(released)).any():
            label = "released" if how == Recovery.NONE else f"released, {how.name.lower()}"
            axes.plot(sent[chosen], released[chosen], ".", markersize=3, label=label)
    lost = rows["released_ns"] == _NEVER
    axes.plot(sent[lost], np.zeros(int(lost.sum())), "kx", markersize=5, label="lost")
    axes.set_xlabel("sent, s")
    axes.set_ylabel("above the idle path, ms")
    axes.legend(markerscale=2)
    return axes


def trace(recorded: Trace, axes: Optional[Any] = None) -> Any:
    """Delays of a trace, the estimated delay of its idle path, and ticks where packets were lost."""
    axes = _axes(axes)
    send, delay = recorded.rows.T
    arrived = delay >= 0
    axes.plot(send[arrived] / NS_PER_S, delay[arrived] / NS_PER_MS, ".", markersize=2, label="delay")
    idle = recorded.baseline()
    axes.plot(np.arange(len(idle)) * 0.1, idle / NS_PER_MS, label="idle path")
    axes.plot(send[~arrived] / NS_PER_S, np.zeros(int((~arrived).sum())), "k|", label="lost")
    axes.set_xlabel("sent, s")
    axes.set_ylabel("delay, ms")
    axes.legend(markerscale=2)
    return axes
