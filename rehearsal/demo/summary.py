"""What the demonstration prints first, what it will show, and last, what it has shown."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ops.terminal import styled

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ops.terminal import Terminal
    from rehearsal.demo.expectations import Expectations

SHOWN: Final = (
    "1. Primus deploys its model, and the condition under which it is released.",
    "2. Secundus deploys pictures and a Confidential VM, which classifies them all.",
    "3. An impostor, the same workload with one line more, is refused the model.",
    "4. Secundus' administrator and its account ask for the model, and are refused.",
    "5. Both companies destroy what they deployed, and nothing of it is left.",
)

NEXT: Final = (
    ("make cloud", "the local cloud, to use it by hand"),
    ("make demo ARGS='--loosen condition'", "without a guard: this must fail"),
    ("docs/first-deployment.md", "deploy for real"),
)
"""What a reader may do next, and what it does."""


def introduce(console: Terminal, shown: Sequence[str]) -> None:
    """Say what will be shown, and where it runs."""
    for line in shown:
        console.print(line)
    console.print("Pulumi's engine is the real one. Google's cloud is a local stand-in.")


def show(console: Terminal, expectations: Expectations) -> None:
    """Print each expectation, whether it was met, and what was seen in place of it."""
    console.print(expectations.table())
    for unmet in expectations.unmet:
        console.print(
            styled("not as expected:", "red"), f"{unmet.what}: {unmet.seen}", soft_wrap=True
        )


def conclude(
    console: Terminal, expectations: Expectations, seconds: float, report: str | None
) -> None:
    """Print each expectation and whether it was met, the report, and if all were, what is next."""
    show(console, expectations)
    if report is not None:
        console.print(f"The pictures with their classes, for a browser: {report}", soft_wrap=True)
    if expectations.unmet:
        console.print(f"{seconds:.0f} s in all")
    else:
        console.print(f"{seconds:.0f} s in all. Next:")
        for what, does in NEXT:
            console.print(f"  {what:36} {does}", soft_wrap=True)
