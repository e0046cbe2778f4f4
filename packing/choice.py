"""Chooses one of several named parts of a model."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from packing.errors import PackError

if TYPE_CHECKING:
    from collections.abc import Mapping


def one(named: Mapping[str, Any], name: str | None, what: str, option: str) -> str:
    """The name that was asked for, or the only one; PackError with the choice."""
    if name in named:
        return str(name)
    if name is None and len(named) == 1:
        return str(next(iter(named)))
    got = f"no {what} {name!r}" if name else f"{len(named)} {what}s"
    choice = [
        f"{each} {getattr(tensor, 'shape', '')}".strip() for each, tensor in sorted(named.items())
    ]
    raise PackError(
        f"got {got}, expected one of these: {', '.join(choice) or 'there is none'}."
        f" Choose with {option} NAME"
    )
