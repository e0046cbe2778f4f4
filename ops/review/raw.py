"""The raw difference: each changed input of each changed resource, old and new."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from infra.wording import counted
from ops.review.values import differences, text

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ops.review.preview import Preview

_SIGNS: Final = {"create": "+", "delete": "-", "update": "~", "replace": "+-"}


def lines(preview: Preview) -> Iterator[str]:
    """One line for each resource, and one for each changed input below it."""
    for step in preview.steps:
        if not step.changes:
            continue
        yield f"{_SIGNS.get(step.op, step.op)} {step.type} {text(step.name)}"
        if step.op == "delete":
            continue
        for path, old, new in differences(step.declared_before, step.after):
            if _in_lines(old) and _in_lines(new):
                yield f"    {path}:"
                yield from (f"      - {text(line)}" for line in _without(old, new))
                yield from (f"      + {text(line)}" for line in _without(new, old))
            else:
                yield f"    {path}: {_short(old)} → {_short(new)}"


def _short(value: object) -> str:
    """A value in one line; of several lines only their number."""
    return counted(len(str(value).splitlines()), "line") if _in_lines(value) else text(value)


def _in_lines(value: object) -> bool:
    """Whether a value is a text of several lines, such as a condition."""
    return isinstance(value, str) and "\n" in value


def _without(one: str, other: str) -> list[str]:
    """The lines of a text that the other has not."""
    there = set(other.splitlines())
    return [line for line in one.splitlines() if line not in there]
