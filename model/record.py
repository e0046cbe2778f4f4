"""Writes `provenance.json` as text for the README."""

from __future__ import annotations

from typing import Any

BEGIN, END = "<!-- written by python -m model -->\n", "<!-- until here -->\n"


def summary(record: dict[str, Any]) -> str:
    """The provenance as Markdown; all figures come from the record."""
    held, demo, seconds = record["heldBack"], record["demonstration"], record["seconds"]
    network, versions = record["network"], record["versions"]
    tools, litert = _tools(versions), record["litert"]
    table = "\n".join(f"| `{label}` | {share:.1%} |" for label, share in held["perClass"].items())
    return f"""\
Made by `{record["command"]}` on {record["date"]} with seed {record["seed"]}: {network["name"]}, \
alpha {network["alpha"]}, {network["parameters"]:,} parameters, trained from random weights on \
{record["trainingPictures"]:,} drawn pictures with {tools}. \
It took {seconds["total"]} s on {record["cores"]} cores \
({record["processorSeconds"]} s of processor time).

Right on {held["right"]} of {held["of"]} held-back pictures ({held["accuracy"]:.1%}), \
examined from the packed archive:

| class | right |
|---|---|
{table}

Mistakes: {_mistakes(held["mistakes"])}.

Right on {demo["right"]} of the {demo["of"]} demonstration pictures; none of them was used for \
training or selected by the model's answers. Mistakes: {_mistakes(demo["mistakes"])}.

Converted by `{litert["command"]}` on {litert["date"]} with {_tools(litert["versions"])}: both \
engines predict the same class for {litert["sameClass"]} of the {litert["pictures"]} held-back and \
demonstration pictures, and no score is more than {litert["largestDifference"]:.1e} apart.
"""


def with_provenance(readme: str, record: dict[str, Any]) -> str:
    """The README with the text of this record."""
    before, rest = readme.split(BEGIN)
    _, after = rest.split(END)
    return before + BEGIN + summary(record) + END + after


def _tools(versions: dict[str, str]) -> str:
    return ", ".join(f"{name} {version}" for name, version in versions.items())


def _mistakes(counts: dict[str, int]) -> str:
    return ", ".join(f"{what} ({times})" for what, times in counts.items()) or "none"
