"""Shows what `pack` found, compared and wrote."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from ops.terminal import Column, Table, styled
from packing.archive import ARCHIVE, REPORT
from workload.manifest import FILE

if TYPE_CHECKING:
    from ops.terminal import Terminal
    from packing.pack import Packed

_ROWS: Final = 10
"""Pictures in the table; the report has all of them."""
_SHOWN: Final = 60
"""Characters of a value."""


def show(terminal: Terminal, packed: Packed) -> None:
    """Prints the manifest's values with their sources, the comparison, and the next step."""
    facts = Table(Column("manifest"), Column("value"), Column("from"))
    for fact in packed.facts:
        facts.add_row(fact.key, _value(fact.value), fact.source)
    terminal.print(facts)
    _show_comparison(terminal, packed)
    archive, manifest = packed.folder / ARCHIVE, packed.folder / FILE
    terminal.print(
        f"{archive}: {packed.bytes / 1024**2:,.1f} MB, SHA-256 {packed.sha256}, loads in"
        f" {packed.seconds_to_load:.1f} s; {packed.folder / REPORT} has everything above"
    )
    terminal.print("To release it:")
    for key, path in (("archive", archive), ("manifest", manifest)):
        terminal.print(
            "  pulumi config set --stack primus --path"
            f" 'confidential-inference:model.{key}' {shlex.quote(str(_absolute(path)))}"
        )


def _absolute(path: Path) -> Path:
    return path if path.is_absolute() else Path.cwd() / path


def _value(value: Any) -> str:  # noqa: ANN401  a JSON value
    if isinstance(value, list) and len(value) > 3:  # noqa: PLR2004  the length of `mean`
        return f"{len(value):,}: {', '.join(map(str, value[:3]))} …"[:_SHOWN]
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)[:_SHOWN]


def _show_comparison(terminal: Terminal, packed: Packed) -> None:
    compared = packed.comparison
    pictures = Table(
        Column("picture"),
        Column("your model"),
        Column("score", justify="right"),
        Column("the workload"),
        Column("score", justify="right"),
        Column("largest difference", justify="right"),
    )
    for row in compared.rows[:_ROWS]:
        one, other = row.original, row.packed
        pictures.add_row(
            row.picture,
            one.label,
            f"{one.score:.5f}",
            other.label,
            f"{other.score:.5f}",
            f"{row.difference:.1e}",
        )
    terminal.print(pictures)
    whose = "your" if packed.sampled else "drawn"
    terminal.print(
        f"{compared.same_class} of {len(compared.rows)} {whose} pictures in the same class, scores"
        f" at most {compared.largest_difference:.1e} apart,"
        f" {compared.pictures_per_second:,.0f} pictures/s decoded"
    )
    if not compared.agrees:
        verdict = "quantisation costs this much" if packed.succeeded else "NOT the same model"
        terminal.print(styled(f"The packed model differs from yours: {verdict}.", "bold red"))
    if not compared.varied:
        terminal.print(
            styled(
                "Your model gives every picture the same answer, so the comparison shows nothing:"
                " give typical pictures with --sample FOLDER.",
                "bold red",
            )
        )
    terminal.print(
        "This compares the model's computation, on what the workload makes of the pictures. Whether"
        " you trained it on pictures made in this way, only you can know."
    )
