"""Compares two release conditions clause by clause, to say what is admitted after a change.

A text difference would not say it: a dropped line admits more, an added list entry, too, and an
added line admits less. Only clauses that a version of this program wrote can be compared. The state
of a stack describes its own clauses, so a clause can be named that this version has dropped.
"""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from infra.attestation.clause import form, literals
from infra.attestation.release_policy import UNBUILT, parts
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


@dataclass(frozen=True, kw_only=True)
class Requirement:
    """What one clause of a condition requires."""

    claim: str
    sentence: str
    without: str
    cel: str
    expected: str
    allowed: tuple[str, ...] | None

    @property
    def shown(self) -> str:
        """What is expected, for people: an image that is not built yet has no digest."""
        return self.expected.replace(f'"{UNBUILT}"', BUILT)


@dataclass(frozen=True, kw_only=True)
class Condition:
    """The text of a condition, and the clauses that the program described when it wrote it."""

    text: str
    described: tuple[Requirement, ...] = ()

    @property
    def is_empty(self) -> bool:
        """Whether it would admit everybody."""
        return not self.text.strip()

    def requirements(self) -> Iterator[tuple[int, str, Requirement | None]]:
        """Line, text and meaning of each part; no meaning if nobody has described it."""
        by_text = {each.cel: each for each in self.described}
        for part in () if self.is_empty else parts(self.text):
            known = _of_clause(part.clause) if part.clause else by_text.get(part.text)
            yield part.line, part.text, known

    def by_claim(self) -> dict[str, Requirement]:
        """The requirements by their claims."""
        return {each.claim: each for _, _, each in self.requirements() if each is not None}


def described(clauses: object) -> tuple[Requirement, ...]:
    """The clauses that a component's input describes; whatever has another form is left out."""
    return tuple(
        _of_description(claim, each)
        for claim, each in (clauses.items() if isinstance(clauses, dict) else ())
        if isinstance(each, dict) and {"requires", "without", "cel"} <= each.keys()
    )


def _of_clause(clause: Clause) -> Requirement:
    return Requirement(
        claim=clause.claim,
        sentence=clause.sentence,
        without=clause.without,
        cel=clause.cel,
        expected=clause.expected,
        allowed=clause.allowed,
    )


def _of_description(claim: str, texts: dict[str, Any]) -> Requirement:
    cel = str(texts["cel"])
    allowed = literals(cel) if " in [" in cel else None
    return Requirement(
        claim=claim,
        sentence=str(texts["requires"]),
        without=str(texts["without"]),
        cel=cel,
        expected=cel if allowed is None else " or ".join(map(json.dumps, allowed)),
        allowed=allowed,
    )


def compare(before: Condition, after: Condition) -> tuple[Change, ...]:
    """What changes from one condition to the other; nothing if only their form differs."""
    if before.text == after.text:
        return ()
    if after.is_empty:
        return (_NO_CONDITION,)
    unjudged = [
        *_unreadable(before, "the deployed condition"),
        *_unreadable(after, "the condition"),
    ]
    if unjudged:
        return tuple(unjudged)
    old, new = before.by_claim(), after.by_claim()
    return (
        *(_dropped(old[claim]) for claim in old if claim not in new),
        *(
            change
            for claim in old
            if claim in new and old[claim].cel != new[claim].cel
            for change in _changed(old[claim], new[claim])
        ),
        *(_added(new[claim]) for claim in new if claim not in old),
    )


def first(condition: Condition) -> tuple[Change, ...]:
    """What the first condition of a stack admits."""
    if condition.is_empty:
        return (_NO_CONDITION,)
    unjudged = tuple(_unreadable(condition, "the condition"))
    if unjudged:
        return unjudged
    required = tuple(f"{each.sentence}: {each.shown}" for each in condition.by_claim().values())
    sentence = "the model is released for the first time. It is required that"
    return (_change(Effect.ADMITTED, sentence, required),)


def _dropped(old: Requirement) -> Change:
    return _change(
        Effect.LOOSENING,
        f"it is no longer required that {old.sentence}. After this change {old.without}",
    )


def _added(new: Requirement) -> Change:
    return _change(
        Effect.TIGHTENING, f"it is required from now on that {new.sentence} ({new.shown})"
    )


def _changed(old: Requirement, new: Requirement) -> Iterator[Change]:
    if form(old.cel) != form(new.cel):
        yield _change(
            Effect.UNJUDGED,
            f"the clause about {new.claim} is another one, and not only its values:",
            (f"deployed: {old.cel}", f"new: {new.cel}"),
        )
        return
    if old.allowed is None or new.allowed is None:
        yield _change(
            Effect.OTHER, f"{new.sentence}: {new.shown} is required, and no longer {old.shown}"
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


def _unreadable(condition: Condition, which: str) -> Iterator[Change]:
    """Why a condition cannot be compared, with its own text."""
    read = list(condition.requirements())
    unknown = [f"line {line}: {text}" for line, text, known in read if known is None]
    if unknown:
        yield _change(
            Effect.UNJUDGED, f"{which} holds what this program does not write:", tuple(unknown)
        )
        return
    claims = Counter(known.claim for _, _, known in read if known is not None)
    twice = [claim for claim, number in claims.items() if number > 1]
    if twice:
        yield _change(
            Effect.UNJUDGED,
            f"{which} has more than one clause about one claim ({', '.join(twice)}):",
            tuple(condition.text.splitlines()),
        )


def _change(effect: Effect, sentence: str, details: tuple[str, ...] = ()) -> Change:
    return Change(effect=effect, section=Section.RELEASE, sentence=sentence, details=details)


_NO_CONDITION: Final = _change(
    Effect.LOOSENING,
    "there is no condition: every workload that Google attests, whoever runs it, is admitted",
)
