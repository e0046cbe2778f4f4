"""What is known of a model: what its owner said, and the manifest's values with their sources."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, TypeAlias

from packing.errors import PackError
from workload import manifest

if TYPE_CHECKING:
    from pathlib import Path

    from workload.manifest import Manifest
    from workload.manifest_rules import Problem


@dataclass(frozen=True, kw_only=True)
class Said:
    """What the owner said on the command line; None and empty where nothing was said."""

    name: str | None = None
    labels: Path | None = None
    classes: int | None = None
    preset: str | None = None
    size: tuple[int, int] | None = None
    """Width and height."""
    scores: str | None = None
    activation: str | None = None
    top_k: int | None = None
    batch: int | None = None
    input: dict[str, Any] = field(default_factory=dict)
    """Keys of the manifest's `input`."""


class Fact(NamedTuple):
    """A value of the manifest and where it comes from."""

    key: str
    value: Any
    source: str


Quantization: TypeAlias = Literal["none", "float16", "dynamic", "int8"]
"""How LiteRT's converter makes weights smaller."""


def document(facts: list[Fact], format_: manifest.Format) -> tuple[dict[str, Any], Manifest]:
    """The manifest as JSON and as the workload reads it; PackError for a value that it refuses."""
    data: dict[str, Any] = {
        "schema": manifest.SCHEMA,
        "format": format_,
        "input": {},
        "output": {},
    }
    for fact in facts:
        outer, _, inner = fact.key.rpartition(".")
        (data[outer] if outer else data)[inner] = fact.value
    try:
        return data, manifest.of(data)
    except manifest.ManifestError as error:
        raise PackError(_unfit(error.problems, facts)) from error


def _unfit(problems: tuple[Problem, ...], facts: list[Fact]) -> str:
    sources = {fact.key: fact.source for fact in facts}
    return "\n".join(
        f"{problem}" + (f" (from {sources[problem.field]})" if problem.field in sources else "")
        for problem in problems
    )
