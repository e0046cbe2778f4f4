"""Numbers of things in words."""

from __future__ import annotations


def counted(number: int, thing: str, many: str = "") -> str:
    """`1 clause`, `2 clauses`; `many` where an s is not enough."""
    return f"{number} {thing if number == 1 else many or thing + 's'}"
