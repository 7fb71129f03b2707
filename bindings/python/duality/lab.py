# SPDX-License-Identifier: MIT
"""Flows over bad networks in virtual time: single runs, sweeps and recorded traces.

The same seed gives the same network and the same result on every machine, and the same figures as `duality lab`.
"""

from __future__ import annotations

import dataclasses
import functools
import gzip
import itertools
import os
from concurrent.futures import Executor
from typing import Any, Iterable, Optional, Sequence, Union

import numpy as np
import numpy.typing as npt

from . import _duality as _compiled
from ._duality import RunResult, SimulationConfig, Trace
from .enums import Family, Variant
from .errors import ConfigError

__all__ = ["Family", "RunResult", "SimulationConfig", "Sweep", "Trace", "Variant", "load_trace", "replay", "run", "sweep"]

FamilyLike = Union[Family, str]
VariantLike = Union[Variant, str]
SECOND = 1_000_000_000


def _family(of: FamilyLike) -> Family:
    return Family[of.upper()] if isinstance(of, str) else Family(of)


def _variant(of: VariantLike) -> Variant:
    return Variant[of.upper()] if isinstance(of, str) else Variant(of)


def run(
    family: FamilyLike,
    variant: VariantLike = Variant.DUAL,
    seed: int = 1,
    *,
    seconds: float = 60,
    packets_per_second: int = 200,
    keep_packets: bool = False,
    keep_events: bool = False,
    **settings: Any,
) -> RunResult:
    """One run of a family of networks, without the GIL.

    settings  fields of SimulationConfig: hold_ns, deadline_ns, payload, overhead_cap_bp, law, metered_budget
    Raises ConfigError naming the field that is out of range.
    """
    config = SimulationConfig(protection=_variant(variant), **settings)
    length = round(seconds * SECOND)
    return _compiled.simulate(_family(family), seed, config, length, packets_per_second, keep_packets, keep_events)


def replay(
    trace: Trace,
    variant: VariantLike = Variant.DUAL,
    seed: int = 1,
    *,
    second: Optional[Trace] = None,
    packets_per_second: int = 0,
    keep_packets: bool = False,
    keep_events: bool = False,
    **settings: Any,
) -> RunResult:
    """One run over a recorded path, without the GIL.

    second              recorded second path; without it the families' metered path, drawn from the seed
    packets_per_second  0: the trace's own send times
    """
    if not 0 <= packets_per_second <= 1000:
        raise ConfigError("packets_per_second", 0, 1000, "packets")
    config = SimulationConfig(protection=_variant(variant), **settings)
    return _compiled.replay(trace, second, seed, config, packets_per_second, keep_packets, keep_events)


def load_trace(
    path: Union[str, "os.PathLike[str]"],
    *,
    round_trip: bool = False,
    carrier: str = "",
    session: Optional[int] = None,
) -> Trace:
    """Reads a recorded trace from a CSV file, gzip or not; raises Error(MALFORMED) naming the line.

    round_trip  delays are round trips: half each way
    carrier     which one, of a file with several
    session     which of that carrier's sessions, from 0; all joined when not given
    """
    with open(path, "rb") as file:
        content = file.read()
    if content[:2] == b"\x1f\x8b":
        content = gzip.decompress(content)
    return Trace.parse(content, round_trip, carrier, session)


@dataclasses.dataclass(frozen=True, eq=False)
class Sweep:
    """Figures of many runs: one array [family, variant, seed] for each figure."""

    families: tuple[Family, ...]
    variants: tuple[Variant, ...]
    seeds: npt.NDArray[np.uint64]
    figures: dict[str, npt.NDArray[np.float64]]
    event_hash: npt.NDArray[np.uint64]

    def __getitem__(self, figure: str) -> npt.NDArray[np.float64]:
        return self.figures[figure]

    def mean(self, figure: str) -> npt.NDArray[np.float64]:
        """Mean over the seeds: an array [family, variant]."""
        result: npt.NDArray[np.float64] = self.figures[figure].mean(axis=2)
        return result


def _run_one(job: tuple[Family, Variant, int], **options: Any) -> tuple[dict[str, float], int]:
    result = run(*job, **options)
    return result.figures, result.event_hash


def sweep(
    families: Union[FamilyLike, Iterable[FamilyLike]] = "cable_ftth",
    variants: Union[VariantLike, Iterable[VariantLike]] = "dual",
    seeds: Union[int, Sequence[int]] = 20,
    *,
    executor: Optional[Executor] = None,
    **options: Any,
) -> Sweep:
    """Every variant over every family with every seed.

    families, variants  one, several, or "all"
    seeds               how many (1, 2, ...), or which
    executor            any concurrent.futures.Executor; threads are enough, as a run does not hold the GIL
    options             as for run()
    """
    chosen_families = tuple(map(_family, _several(families, Family)))
    chosen_variants = tuple(map(_variant, _several(variants, Variant)))
    chosen_seeds = tuple(range(1, seeds + 1)) if isinstance(seeds, int) else tuple(seeds)
    if not (chosen_families and chosen_variants and chosen_seeds):
        raise ValueError("a sweep needs at least one family, variant and seed")
    shape = (len(chosen_families), len(chosen_variants), len(chosen_seeds))
    jobs = list(itertools.product(chosen_families, chosen_variants, chosen_seeds))
    one = functools.partial(_run_one, **options)
    done = list(executor.map(one, jobs) if executor is not None else map(one, jobs))
    figures = {
        name: np.array([result[name] for result, _ in done], dtype=np.float64).reshape(shape) for name in done[0][0]
    }
    hashes = np.array([event_hash for _, event_hash in done], dtype=np.uint64).reshape(shape)
    return Sweep(chosen_families, chosen_variants, np.array(chosen_seeds, dtype=np.uint64), figures, hashes)


def _several(given: Any, everything: Any) -> Iterable[Any]:
    if isinstance(given, (str, int)):
        given = everything if given == "all" else (given,)
    return tuple(given)
