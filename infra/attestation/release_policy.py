"""Primus' decision who may read the model: a condition about the claims of an attestation token.

This module renders the release condition (CEL) and its attribute mapping, and holds the same rules
as plain Python, so that a refusal can be explained. It does not verify tokens: Google checks
signature, issuer and audience. The clauses are in `clauses`, the values in `policy_values`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from infra.attestation import clauses
from infra.attestation.clause import Clause, PolicyError, in_one_line, literals
from infra.attestation.policy_values import PolicyValues
from infra.wording import counted

if TYPE_CHECKING:
    from collections.abc import Mapping

ISSUER: Final = "https://confidentialcomputing.googleapis.com/"
TOKEN_AUDIENCE: Final = "https://sts.googleapis.com"  # noqa: S105  an address, not a password

MAX_CONDITION: Final = 4096
"""https://docs.cloud.google.com/iam/docs/reference/rest/v1/projects.locations.workloadIdentityPools.providers"""

MAX_SUBJECT: Final = 127
"""Bytes of the mapped `google.subject`; the same page."""

_DIGEST_CLAIM: Final = "assertion.submods.container.image_digest"

MAPPING: Final[Mapping[str, str]] = {
    # Google's recommended subject: one identity a run in the audit log. It always fits 127 bytes,
    # which the token's own `sub` may not: 11 of its own, 71 of a digest, and at most 19 and 20
    # digits, because a project's number is an int64 and an instance's id a uint64.
    "google.subject": (
        f'"gcpcs::" + {_DIGEST_CLAIM} + "::" + assertion.submods.gce.project_number'
        ' + "::" + assertion.submods.gce.instance_id'
    ),
    "attribute.image_digest": _DIGEST_CLAIM,
    # The same value under a second name: a grant for the image that this stack built must never be
    # the same binding as one for a digest in config (BUILT_HERE says why).
    "attribute.built_image_digest": _DIGEST_CLAIM,
}

CONFIGURED: Final = "image_digest"
BUILT_HERE: Final = "built_image_digest"
"""Attributes that grants name. Two resources that mean one binding destroy each other: the engine
makes the new one, then deletes the old one, which removes the binding. Pinning in config the very
digest that was built before would do just that, if both were granted by the same attribute."""

UNBUILT: Final = "sha256:" + "0" * 64
"""Replaces the digest of an image that is not built yet, to render the rest of the condition."""

CLAIMS: Final = frozenset(clause.claim for clause in clauses.every(PolicyValues.of_literals(())))
"""The claims that the clauses of this version are about."""

AND: Final = " &&\n"
"""The separator of two clauses: each begins a line. No clause contains it."""

_SHOWN: Final = 80


@dataclass(frozen=True, kw_only=True)
class AttestationPolicy(PolicyValues):
    """Who may use the model.

    Constructing it raises PolicyError, naming every problem, where the policy would be empty,
    malformed or too long: there is no value of this class that renders to nothing.
    """

    def __post_init__(self) -> None:
        """Refuse to exist in a form that would admit nobody, or more than was meant."""
        problems = list(self.problems())
        if not problems and len(self.condition) > MAX_CONDITION:
            problems.append(
                f"condition: got {counted(len(self.condition), 'character')}, expected at most"
                f" {MAX_CONDITION}; admit fewer image digests or model hashes at the same time"
            )
        if problems:
            raise PolicyError(
                "The release policy cannot be used, so nothing is released: " + "; ".join(problems)
            )

    @property
    def clauses(self) -> tuple[Clause, ...]:
        """All clauses, in the order in which they are rendered."""
        return clauses.every(self.rendered())

    @property
    def condition(self) -> str:
        """The release condition, each clause from a new line on, and each entry of a list.

        True admits; false or an error refuses.
        """
        return AND.join(clause.cel for clause in self.clauses)

    def described(self) -> dict[str, dict[str, str]]:
        """The clauses by claim, for readers that may know other clauses than this version."""
        return {
            clause.claim: {
                "requires": clause.sentence,
                "without": clause.without,
                "cel": clause.cel,
            }
            for clause in self.clauses
        }

    def explain(self, claims: Mapping[str, Any]) -> tuple[Clause, ...]:
        """The clauses that these claims do not meet; empty exactly when they are admitted."""
        return tuple(clause for clause in self.clauses if not clause.check(claims))


@dataclass(frozen=True)
class Part:
    """One part of a condition: between two separators, or before the first, or after the last."""

    line: int
    text: str
    clause: Clause | None
    """the clause that renders to the text; None if none does"""


def parts(condition: str) -> tuple[Part, ...]:
    """The parts of a condition, which all together must hold if a policy rendered every one.

    Earlier versions rendered each clause in one line, and such conditions are still deployed.
    If one part is of unknown origin, the others mean nothing: `x || y` in it would join them.
    """
    read_parts = []
    line = 1
    for text in condition.split(AND):
        read_parts.append(Part(line, text, _clause(text)))
        line += text.count("\n") + 1
    return tuple(read_parts)


def read(condition: str) -> tuple[Clause, ...]:
    """The clauses of a condition that a policy rendered, to explain a deployed text.

    PolicyError names every line that no version renders; of a line without a claim only its number,
    because the text may be anything, a secret too.
    """
    read_parts = parts(condition)
    unknown = [
        f"line {part.line}" + (f" {part.text[:_SHOWN]!r}" if _has_claim(part) else "")
        for part in read_parts
        if part.clause is None
    ]
    if unknown:
        raise PolicyError(
            "The condition holds what this program does not write, so it cannot be explained: "
            + "; ".join(unknown)
        )
    return tuple(part.clause for part in read_parts if part.clause is not None)


def _has_claim(part: Part) -> bool:
    return "assertion." in part.text[:_SHOWN]


def _clause(text: str) -> Clause | None:
    """The clause that renders to a text, among those made of the text's own literals."""
    every = clauses.every(PolicyValues.of_literals(literals(text)))
    return next((clause for clause in every if text in (clause.cel, in_one_line(clause.cel))), None)
