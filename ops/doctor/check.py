"""One check: what it looks at, and how it ended."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Status(StrEnum):
    """How a check ended."""

    OK = "ok"
    NOT_OK = "not ok"
    NOT_CHECKED = "not checked"
    """it cannot be checked here, or not yet; the detail says why"""


@dataclass(frozen=True, kw_only=True)
class Check:
    """The result of one check."""

    name: str
    status: Status
    detail: str
    fix: str = ""
    """the command or the way; empty if all is well"""


def ok(name: str, detail: str) -> Check:
    """All is well."""
    return Check(name=name, status=Status.OK, detail=detail)


def not_ok(name: str, detail: str, fix: str) -> Check:
    """An update would fail, or would not be what was meant."""
    return Check(name=name, status=Status.NOT_OK, detail=detail, fix=fix)


def not_checked(name: str, why: str, fix: str = "") -> Check:
    """Nobody knows."""
    return Check(name=name, status=Status.NOT_CHECKED, detail=why, fix=fix)
