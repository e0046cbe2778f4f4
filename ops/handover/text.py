"""Prints what a file says, and what it says otherwise than was agreed before."""

from __future__ import annotations

from typing import TYPE_CHECKING

from infra.untrusted_text import shown
from infra.wording import counted
from ops.handover.differences import named
from ops.terminal import standard_output

if TYPE_CHECKING:
    import datetime as dt

    from infra.handover_file import HandoverFile
    from ops.handover.differences import Difference

_COLUMN = 25
_LONGEST_KEY = 100
_TIME = "%Y-%m-%d %H:%M UTC"


def made_and_valid(file: HandoverFile) -> dict[str, str]:
    """When the file was made, how long it is valid, and how people recognize it."""
    return {
        "made": file.issued.strftime(_TIME),
        "valid until": file.expires.strftime(_TIME),
        "SHA-256 of the file": file.sha256,
    }


def show_file(file: HandoverFile, now: dt.datetime) -> None:
    """Print each value of a file on a line of its own."""
    output = standard_output()
    output.print(f"from {file.kind.sender}")
    for what, text in {**named(file.values), **made_and_valid(file)}.items():
        output.print(f"  {what:<{_COLUMN}} {text}", soft_wrap=True)
    if warning := file.ends_soon(now):
        output.print(f"warning: {warning}", soft_wrap=True)


def show_differences(found: list[Difference]) -> None:
    """Print each difference: what it means, what was agreed, what is said now."""
    output = standard_output()
    if found:
        output.print(f"{counted(len(found), 'difference')} from what was agreed before:")
    for each in found:
        what = shown(each.what, _LONGEST_KEY)
        line = f"  {what}: {each.meaning}" if each.meaning else f"  {what}"
        output.print(line, soft_wrap=True)
        # Nothing has judged the values of an earlier file: they must not look like other lines.
        output.print(f"    agreed  {shown(each.agreed)}", soft_wrap=True)
        output.print(f"    now     {shown(each.now)}", soft_wrap=True)
