# SPDX-License-Identifier: MIT
"""The exceptions of the package."""

from __future__ import annotations

from typing import Any, Iterator

from .enums import Status

__all__ = ["Error", "ConfigError"]


class Error(Exception):
    """A call that could not be answered.

    status  why
    detail  what exactly, where that is known
    """

    def __init__(self, status: Status, detail: str = "") -> None:
        self.status = Status(status)
        self.detail = detail
        super().__init__(f"{self.status.name.lower()}: {detail}" if detail else self.status.name.lower())

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.status, self.detail)


class ConfigError(Error, ValueError):
    """A field of a configuration is out of range.

    field      its name, dotted when it lies in a configuration inside another one
    low, high  its range, both included; equal when the field is at odds with another one and no range says how
    unit       of both
    """

    def __init__(self, field: str, low: int, high: int, unit: str) -> None:
        self.field, self.low, self.high, self.unit = field, low, high, unit
        if low == high:
            detail = f"{field} does not fit the rest of the configuration"
        else:
            detail = f"{field} must be between {low} and {high} {unit}".rstrip()
        super().__init__(Status.INVALID_CONFIG, detail)

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.field, self.low, self.high, self.unit)


def _spellings(config: Any, prefix: str = "") -> Iterator[str]:
    """Dotted names of all fields of a configuration, outer ones first."""
    names = getattr(type(config), "_fields", ())
    yield from (prefix + name for name in names)
    for name in names:
        yield from _spellings(getattr(config, name), f"{prefix}{name}.")


def _made(status: Status, field: str, low: int, high: int, unit: str, config: Any) -> Error:
    """The exception for a refused configuration, with the field's name and unit as Python has them."""
    if status != Status.INVALID_CONFIG:
        return Error(status)
    for name in _spellings(config):
        if name in (field, field + "_ns") or name.endswith(("." + field, "." + field + "_ns")):
            if name.endswith("_ns") and unit == "ms":
                low, high, unit = low * 1_000_000, high * 1_000_000, "ns"
            return ConfigError(name, low, high, unit)
    return ConfigError(field, low, high, unit)
