# SPDX-License-Identifier: MIT
"""DUALITY: real-time traffic over fast but glitchy connections.

Primitives (JitterHold, RegimeDetector, Controller, RlcEncoder and RlcDecoder, BlockCodec, ClockSync, statistics), the
Session that joins them, and the lab (duality.lab) that runs all of it in virtual time. duality.plot draws.

Every time is an int of nanoseconds on a clock of yours; nothing here reads one. Batch calls take arrays where they lie
and give the GIL up. Objects may move between threads but are used by one at a time.
"""

from importlib import import_module as _import_module
from typing import Any as _Any

from . import enums as _enums
from . import errors as _errors
from . import _duality
from ._duality import *  # noqa: F401,F403
from .enums import *  # noqa: F401,F403
from .errors import ConfigError as ConfigError, Error as Error

__version__ = _duality.__version__

NEVER: int = 2**63 - 1
"""A time that never comes, in arrays."""

_LAZY = ("lab", "plot")


def __getattr__(name: str) -> _Any:
    if name in _LAZY:
        return _import_module("." + name, __name__)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*globals(), *_LAZY])
