"""Describes what a model answers: what its scores are, and the labels of its classes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from packing import labels
from packing.facts import Fact

if TYPE_CHECKING:
    from packing.facts import Said
    from packing.original import Original

_SCORES: Final = {
    "Softmax": "probabilities",
    "Sigmoid": "probabilities",
    "LogSoftmax": "log-probabilities",
    "SOFTMAX": "probabilities",
    "LOGISTIC": "probabilities",
    "LOG_SOFTMAX": "log-probabilities",
}
"""What the last operation of a model, on TensorFlow or on LiteRT, makes of the scores. Keras writes
a softmax in several operations if it is not the last axis; then the owner must say."""
_LINEAR: Final = frozenset(
    {
        "BiasAdd",
        "MatMul",
        "AddV2",
        "Add",
        "Mean",
        "Conv2D",
        "FULLY_CONNECTED",
        "ADD",
        "MEAN",
        "CONV_2D",
        "AVERAGE_POOL_2D",
        "AvgPool",
    }
)
"""Last operations that give numbers of any size."""


def of_output(original: Original, said: Said, problems: list[str]) -> list[Fact]:
    """What the scores are; adds to `problems` what the model does not show."""
    facts = []
    last = original.output_operation
    of = f" of output {original.chosen_output}" if original.chosen_output else ""
    if said.scores:
        facts.append(Fact("output.scores", said.scores, "--scores"))
    elif last in _SCORES:
        facts.append(Fact("output.scores", _SCORES[last], f"the last operation, {last}{of}"))
    elif last in _LINEAR:
        facts.append(Fact("output.scores", "logits", f"the last operation, {last}{of}"))
    else:
        problems.append(
            f"scores: got {last or 'an unknown operation'} as the last operation, expected one that"
            " shows what the scores are: say it with --scores"
            " probabilities|logits|log-probabilities|raw"
        )
    if said.activation:
        facts.append(Fact("output.activation", said.activation, "--activation"))
    return facts


def of_classes(original: Original, said: Said, problems: list[str]) -> list[Fact]:
    """The labels and `topK`; adds to `problems` if the labels are missing or too few or many."""
    names: tuple[str, ...] = ()
    if said.labels:
        names, source = labels.read(said.labels), f"--labels {said.labels.name}"
    elif said.classes:
        names, source = tuple(f"class {i}" for i in range(said.classes)), "--classes"
    else:
        names, source = original.labels, "the model's metadata"
    # One number is enough for two classes.
    outputs = 2 if original.classes == 1 else original.classes
    if not names:
        problems.append(
            f"classes: got no labels, expected {outputs or 'as many as the model has scores'}: give"
            " a file with one label in a line, in the order of the scores, with --labels FILE, or"
            f" number them with --classes {outputs or 'N'}"
        )
    elif outputs is not None and len(names) != outputs:
        hint = (
            " Many models with 1,001 classes begin with `background`: add it as the first line."
            if len(names) == outputs - 1
            else ""
        )
        problems.append(
            f"classes: got {len(names):,} labels from {source}, expected {outputs:,}, one for each"
            f" score of the model.{hint}"
        )
    top_k = said.top_k or min(5, len(names) or 5)
    facts = [Fact("classes", list(names), source)]
    facts.append(Fact("topK", top_k, "--top-k" if said.top_k else "the default"))
    return facts
