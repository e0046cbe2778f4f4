"""What the stack stops managing, or takes over: nothing of it is created, changed or deleted.

`docs/existing-resources.md` has the configuration for both.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ops.review.change import Change, Effect, Section

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ops.review.preview import Preview, Step


def changes(preview: Preview) -> Iterator[Change]:
    """One change for each resource that has another owner from then on."""
    for step in preview.steps:
        what = f"{step.type} {step.identity or step.name}"
        if step.given_up:
            sentence = (
                f"{what} stays as it is, and this stack manages it no longer: from then on it is"
                " read and checked, and never changed or deleted"
            )
            yield _change(step, sentence)
        elif step.op == "import":
            sentence = (
                f"{what}, which exists, is this stack's own from then on: it is changed where the"
                " program says otherwise, and `destroy` deletes it"
            )
            yield _change(step, sentence)


def _change(step: Step, sentence: str) -> Change:
    return Change(
        effect=Effect.NOTE,
        section=Section.OTHERS,
        sentence=sentence,
        urn=step.urn,
        access=False,
    )
