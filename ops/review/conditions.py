"""Compares two release conditions clause by clause, to say what is admitted after a change.

A text difference would not say it: a dropped line admits more, an added list entry, too, and an
added line admits less. Only clauses that this program writes can be compared.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Final

from infra.attestation.release_policy import UNBUILT, Part, parts
from ops.review.change import Change, Effect, Section

if TYPE_CHECKING:
    from collections.abc import Iterator

    from infra.attestation.clause import Clause

ADMISSIONS: Final = {
    "submods.container.image_digest": "image",
    "submods.container.env.MODEL_SHA256": "model",
}
"""Claims whose alternatives come and go in every rollout. In the list of any other claim, one more
entry weakens the guard."""

BUILT: Final = "the image that `up` builds from this commit"


def compare(before: str, after: str) -> tuple[Change, ...]:
    """What changes from one condition to the other; nothing if only their form differs."""
    if before == after:
        return ()
    if not after.strip():
        return (_NO_CONDITION,)
    unjudged = [
        *_unreadable(before, "the deployed condition"),
        *_unreadable(after, "the condition"),
    ]
    if unjudged:
        return tuple(unjudged)
    old, new = _by_claim(before), _by_claim(after)
    return (
        *(dropped(old[claim]) for claim in old if claim not in new),
        *(
            change
            for claim in old
            if claim in new and old[claim].cel != new[claim].cel
            for change in _changed(old[claim], new[claim])
        ),
        *(added(new[claim]) for claim in new if claim not in old),
    )


def first(condition: str) -> tuple[Change, ...]:
    """What the first condition of a stack admits."""
    if not condition.strip():
        return (_NO_CONDITION,)
    unjudged = tuple(_unreadable(condition, "the condition"))
    if unjudged:
        return unjudged
    clauses = [part.clause for part in parts(condition) if part.clause is not None]
    required = tuple(f"{each.sentence}: {shown_value(each)}" for each in clauses)
    return (
        _change(
            Effect.ADMITTED,
            "the model is released for the first time. It is required that",
            required,
        ),
    )


def dropped(clause: Clause) -> Change:
    """A clause that the condition has no longer."""
    return _change(
        Effect.LOOSENING,
        f"no longer required: {clause.sentence}. After this change {clause.without}",
    )


def added(clause: Clause) -> Change:
    """A clause that the condition did not have."""
    return _change(
        Effect.TIGHTENING, f"required from now on: {clause.sentence} ({shown_value(clause)})"
    )


def shown_value(clause: Clause) -> str:
    """What a clause expects, for people: an image that is not built yet has no digest."""
    return clause.expected.replace(f'"{UNBUILT}"', BUILT)


def _changed(old: Clause, new: Clause) -> Iterator[Change]:
    if old.allowed is None or new.allowed is None:
        yield _change(
            Effect.OTHER, f"{new.sentence}: {shown_value(new)}, and no longer {old.expected}"
        )
        return
    kind = ADMISSIONS.get(new.claim, "")
    for value in (each for each in new.allowed if each not in old.allowed):
        name = BUILT if value == UNBUILT else f"{kind} {value}".strip()
        if kind:
            yield _change(Effect.ADMITTED, f"{name} is admitted")
        else:
            yield _change(Effect.LOOSENING, f"{new.sentence}: {name} is accepted, too")
    for value in (each for each in old.allowed if each not in new.allowed):
        if kind:
            yield _change(Effect.RETIRED, f"{kind} {value} is admitted no longer")
        else:
            yield _change(Effect.TIGHTENING, f"{new.sentence}: {value} is accepted no longer")


def _unreadable(condition: str, which: str) -> Iterator[Change]:
    """Why a condition cannot be compared, with its own text."""
    read = _parts(condition)
    unknown = [f"line {part.line}: {part.text}" for part in read if part.clause is None]
    if unknown:
        yield _change(
            Effect.UNJUDGED, f"{which} holds what this program does not write:", tuple(unknown)
        )
        return
    claims = Counter(part.clause.claim for part in read if part.clause is not None)
    twice = [claim for claim, number in claims.items() if number > 1]
    if twice:
        yield _change(
            Effect.UNJUDGED,
            f"{which} has more than one clause about one claim ({', '.join(twice)}):",
            tuple(condition.splitlines()),
        )


def _by_claim(condition: str) -> dict[str, Clause]:
    return {part.clause.claim: part.clause for part in _parts(condition) if part.clause is not None}


def _parts(condition: str) -> tuple[Part, ...]:
    """The parts; none of a condition that is empty."""
    return parts(condition) if condition.strip() else ()


def _change(effect: Effect, sentence: str, details: tuple[str, ...] = ()) -> Change:
    return Change(effect=effect, section=Section.RELEASE, sentence=sentence, details=details)


_NO_CONDITION: Final = _change(
    Effect.LOOSENING,
    "there is no condition: every workload that Google attests, whoever runs it, is admitted",
)
