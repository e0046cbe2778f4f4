"""Describes a model in a manifest: what its owner said, and what the model itself shows.

Nothing is assumed: each value has a source, which the command prints. A value that neither the
owner nor the model gives is an error, because a wrong one gives wrong answers without any error.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

from packing.errors import PackError
from packing.facts import Fact
from packing.input_facts import of_input
from packing.output_facts import of_classes, of_output
from workload import manifest
from workload.engines import tensors

if TYPE_CHECKING:
    from packing.facts import Said
    from packing.original import Original

_ELEMENTS: Final = 24 * 1024**2
"""Numbers in the largest tensor of a batch: 100 MB for each of the few that live at a time."""


def describe(original: Original, said: Said) -> list[Fact]:
    """The facts for a manifest of this model; raises PackError with all that is missing."""
    problems: list[str] = []
    found = [
        Fact("name", said.name or original.name, "--name" if said.name else "the file's name"),
        *of_input(original, said, problems),
        *of_output(original, said, problems),
        *of_classes(original, said, problems),
    ]
    if problems:
        raise PackError("\n".join(problems))
    return found


def batch(original: Original, said: Said, model_input: manifest.Input) -> Fact:
    """How many pictures one call of the model takes."""
    if said.batch:
        return Fact("batch", said.batch, "--batch")
    fixed = original.shape[0]
    if fixed in manifest.BATCHES:
        smallest = max(fixed, manifest.Manifest.batch)
        return Fact("batch", smallest, f"the model, which takes {fixed} at once")
    shape = tensors.shape(model_input)
    elements = original.graph.elements(shape) if original.graph else math.prod(shape)
    fitting = [each for each in manifest.BATCHES if each * elements <= _ELEMENTS]
    chosen = min(manifest.Manifest.batch, max(fitting, default=1))
    return Fact("batch", chosen, f"the largest tensor of a picture, {elements:,} numbers")
