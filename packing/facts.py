"""What is known of a model: what its owner said, and the manifest's values with their sources."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

from packing.errors import PackError
from workload import manifest

if TYPE_CHECKING:
    from pathlib import Path

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


def document(facts: list[Fact], **more: Any) -> dict[str, Any]:  # noqa: ANN401  JSON values
    """The manifest as JSON; raises PackError for a value that the workload does not take."""
    data: dict[str, Any] = {"schema": manifest.SCHEMA, **more, "input": {}, "output": {}}
    for fact in facts:
        outer, _, inner = fact.key.rpartition(".")
        (data[outer] if outer else data)[inner] = fact.value
    try:
        manifest.of(data)
    except manifest.ManifestError as error:
        raise PackError(_unfit(error.problems, facts)) from error
    return data


def _unfit(problems: tuple[Problem, ...], facts: list[Fact]) -> str:
    sources = {fact.key: fact.source for fact in facts}
    return "\n".join(
        f"{problem}" + (f" (from {sources[problem.field]})" if problem.field in sources else "")
        for problem in problems
    )
