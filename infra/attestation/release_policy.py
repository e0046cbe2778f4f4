"""Primus' decision who may read the model: claims of an attestation token, pinned one by one.

It owns the text of the release condition (CEL), the attribute mapping that goes with it, and the
same rules as plain Python so that a refusal can be explained. It does not verify tokens: signature,
issuer and audience are Google's. What a single clause says is in `clauses`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from infra.attestation import clauses
from infra.attestation.clause import Clause, PolicyError, in_one_line, literals
from infra.naming import AUDIENCE, BUCKET, DIGEST, PROJECT_NUMBER, SERVICE_ACCOUNT, SHA256
from infra.wording import counted

if TYPE_CHECKING:
    from collections.abc import Mapping

ISSUER: Final = "https://confidentialcomputing.googleapis.com/"
TOKEN_AUDIENCE: Final = "https://sts.googleapis.com"  # noqa: S105  an address, not a password

HARDWARE: Final = ("GCP_AMD_SEV", "GCP_INTEL_TDX")
"""What encrypts the memory and can be attested. Google's assertions page writes INTEL_TDX; live
tokens carry GCP_INTEL_TDX. For SEV_SNP no token is issued at all."""

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

AND: Final = " &&\n"
"""What stands between two clauses: each begins a line. Nothing inside of one is like it."""

_SHOWN: Final = 80


@dataclass(frozen=True, kw_only=True)
class AttestationPolicy:
    """Who may use the model. Lists admit old and new side by side during a rollout.

    Constructing it raises PolicyError, naming every problem, where the policy would be empty,
    malformed or too long: there is no value of this class that renders to nothing.
    """

    image_digests: tuple[str, ...]
    arguments: tuple[str, ...]
    model_hashes: tuple[str, ...]
    environment: tuple[str, ...]
    """the variables that an operator may set"""
    model_bucket: str
    """where each admitted model lies, under its hash"""
    audience: str
    """the full name of the provider that gets this condition"""
    model_reader: str
    hardware: tuple[str, ...]
    project_number: str
    service_account: str

    def __post_init__(self) -> None:
        """Refuse to exist in a form that would admit nobody, or more than was meant."""
        lists: dict[str, tuple[object, str, str]] = {
            "image_digests": (self.image_digests, DIGEST, "'sha256:' and 64 hex digits"),
            "arguments": (self.arguments, r"(?s).+", "the image's entry point"),
            "model_hashes": (self.model_hashes, SHA256, "64 hex digits"),
            "environment": (self.environment, r"[A-Z][A-Z0-9_]*", "the name of a variable"),
            "model_bucket": ((self.model_bucket,), BUCKET, "a bucket"),
            "audience": ((self.audience,), AUDIENCE, "a provider's full name"),
            "model_reader": ((self.model_reader,), SERVICE_ACCOUNT, "a service account"),
            "hardware": (self.hardware, "|".join(HARDWARE), " or ".join(HARDWARE)),
            "project_number": ((self.project_number,), PROJECT_NUMBER, "digits"),
            "service_account": ((self.service_account,), SERVICE_ACCOUNT, "a service account"),
        }
        problems = [
            problem
            for name, (values, pattern, expected) in lists.items()
            for problem in _problems(name, values, pattern, expected)
        ]
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
        """Everything that is pinned, in the order in which it is rendered.

        What is a set is rendered as one, sorted: the order in which a configuration lists what it
        admits is no change of the policy, and so none in a preview.
        """
        return _clauses(
            image_digests=_set(self.image_digests),
            arguments=self.arguments,
            model_hashes=_set(self.model_hashes),
            environment=_set(self.environment),
            model_bucket=self.model_bucket,
            audience=self.audience,
            model_reader=self.model_reader,
            hardware=_set(self.hardware),
            project_number=self.project_number,
            service_account=self.service_account,
        )

    @property
    def condition(self) -> str:
        """The release condition, each clause from a new line on, and each entry of a list.

        True admits; false or an error refuses.
        """
        return AND.join(clause.cel for clause in self.clauses)

    def explain(self, claims: Mapping[str, Any]) -> tuple[Clause, ...]:
        """The clauses that these claims do not meet; empty exactly when they are admitted."""
        return tuple(clause for clause in self.clauses if not clause.check(claims))


def read(condition: str) -> tuple[Clause, ...]:
    """The clauses of a condition that a policy rendered; PolicyError, naming all that is none.

    Earlier versions rendered each clause in one line, and such conditions are still deployed.

    So that whoever has only the deployed text can still be told what it means. Of a text that says
    nothing of a token's claims only the number is named: the text may be anything, a secret too.
    """
    found: list[Clause] = []
    unknown: list[str] = []
    number = 1
    for text in condition.split(AND):
        clause = _clause(text)
        if clause is None:
            shown = f" {text[:_SHOWN]!r}" if "assertion." in text[:_SHOWN] else ""
            unknown.append(f"line {number}{shown}")
        else:
            found.append(clause)
        number += text.count("\n") + 1
    if unknown:
        raise PolicyError(
            "The condition holds what this program does not write, so it cannot be explained: "
            + "; ".join(unknown)
        )
    return tuple(found)


def _clause(text: str) -> Clause | None:
    """The clause that renders to a text: of all with the text's own values in every place."""
    values = literals(text)
    (first, *_) = (*values, "")
    every = _clauses(
        image_digests=values,
        arguments=values,
        model_hashes=values,
        environment=values,
        model_bucket=first.removeprefix("gs://").partition("/")[0],
        audience="".join(values),
        model_reader=first,
        hardware=values,
        project_number=first,
        service_account=first,
    )
    return next((clause for clause in every if text in (clause.cel, in_one_line(clause.cel))), None)


def _clauses(  # noqa: PLR0913  one for each field of the policy, and none without its name
    *,
    image_digests: tuple[str, ...],
    arguments: tuple[str, ...],
    model_hashes: tuple[str, ...],
    environment: tuple[str, ...],
    model_bucket: str,
    audience: str,
    model_reader: str,
    hardware: tuple[str, ...],
    project_number: str,
    service_account: str,
) -> tuple[Clause, ...]:
    return (
        *clauses.platform(hardware),
        *clauses.workload(image_digests, arguments, model_hashes, environment),
        *clauses.source(model_bucket, audience, model_reader),
        *clauses.operator(project_number, service_account),
    )


def _set(texts: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(sorted(set(texts)))


def _problems(name: str, values: object, pattern: str, expected: str) -> list[str]:
    """What is wrong with one field; a pin on None, say, is a pin on something that is not there."""
    if not isinstance(values, tuple) or not values:
        got = "an empty list" if values == () else repr(values)
        return [f"{name}: got {got}, expected at least one value ({expected})"]
    return [
        f"{name}: got {value!r}, expected {expected}"
        for value in values
        if not isinstance(value, str) or not re.fullmatch(pattern, value)
    ]
