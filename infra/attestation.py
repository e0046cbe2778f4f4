"""Primus' decision who may read the model: claims of an attestation token, pinned one by one.

It owns the text of the release condition (CEL), the attribute mapping that goes with it, and the
same rules as plain Python so that a refusal can be explained, because Google's token service never
says which clause refused. It does not verify tokens: signature, issuer and audience are Google's.

The claims: https://docs.cloud.google.com/confidential-computing/confidential-space/docs/reference/token-claims
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from infra.errors import ProgramError
from infra.names import DIGEST, PROJECT_NUMBER, SERVICE_ACCOUNT, SHA256

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

ISSUER: Final = "https://confidentialcomputing.googleapis.com/"
TOKEN_AUDIENCE: Final = "https://sts.googleapis.com"  # noqa: S105  an address, not a password

HARDWARE: Final = ("GCP_AMD_SEV", "GCP_INTEL_TDX")
"""What encrypts the memory and can be attested. Google's assertions page writes INTEL_TDX; live
tokens carry GCP_INTEL_TDX. For SEV_SNP no token is issued at all."""

MAX_CONDITION: Final = 4096
"""https://docs.cloud.google.com/iam/docs/reference/rest/v1/projects.locations.workloadIdentityPools.providers"""

_CONTAINER = "assertion.submods.container"
_SPACE = "assertion.submods.confidential_space"

MAPPING: Final[Mapping[str, str]] = {
    # Google's recommended subject: one identity a run in the audit log, and it fits 127 bytes,
    # which the token's own `sub` may not.
    "google.subject": (
        f'"gcpcs::" + {_CONTAINER}.image_digest + "::" + assertion.submods.gce.project_number'
        ' + "::" + assertion.submods.gce.instance_id'
    ),
    "attribute.image_digest": f"{_CONTAINER}.image_digest",
    # The same value under a second name: a grant for the image that this stack built must never be
    # the same binding as one for a digest in config (BUILT_HERE says why).
    "attribute.built_image_digest": f"{_CONTAINER}.image_digest",
}

CONFIGURED: Final = "image_digest"
BUILT_HERE: Final = "built_image_digest"
"""Attributes that grants name. Two resources that mean one binding destroy each other: the engine
makes the new one, then deletes the old one, which removes the binding. Pinning in config the very
digest that was built before would do just that, if both were granted by the same attribute."""


class PolicyError(ProgramError):
    """The policy would admit nobody, or more than was meant; it is never rendered."""


def quoted(text: str) -> str:
    """The CEL string literal whose value is exactly `text`; ValueError for a lone surrogate.

    https://github.com/google/cel-spec/blob/master/doc/langdef.md#string-and-bytes-values
    """
    text.encode()  # a lone surrogate is no Unicode text, and CEL has no literal for it
    plain = (c if c.isascii() and c.isprintable() and c not in "\\'" else _escaped(c) for c in text)
    return "'" + "".join(plain) + "'"


def _escaped(character: str) -> str:
    return f"\\U{ord(character):08x}"


def _listed(texts: tuple[str, ...]) -> str:
    return "[" + ", ".join(map(quoted, texts)) + "]"


@dataclass(frozen=True, kw_only=True)
class Clause:
    """One thing that is pinned: the line of CEL, the sentence for people, the check in Python."""

    sentence: str
    cel: str
    claim: str
    """where the claim stands in the token, its keys joined by dots"""
    accepts: Callable[[Any], bool] = field(compare=False, repr=False)
    """whether a present claim is as it must be; never called for an absent one"""
    absent_is_fine: bool = False

    def check(self, claims: Mapping[str, Any]) -> bool:
        """Whether the claims meet this clause: true exactly where CEL says true."""
        *parents, leaf = self.claim.split(".")
        for key in parents:
            inner = claims.get(key)
            if not isinstance(inner, dict):
                return False  # to CEL this is an error, and an error refuses
            claims = inner
        return self.accepts(claims[leaf]) if leaf in claims else self.absent_is_fine

    def got(self, claims: Mapping[str, Any]) -> str:
        """What the token holds in this place, for people."""
        value: Any = claims
        for key in self.claim.split("."):
            if not isinstance(value, dict) or key not in value:
                return "nothing"
            value = value[key]
        return repr(value)


def _equal(sentence: str, claim: str, expected: str) -> Clause:
    return Clause(
        sentence=sentence,
        cel=f"assertion.{claim} == {quoted(expected)}",
        claim=claim,
        accepts=lambda value: value == expected,
    )


def _boolean(sentence: str, claim: str, *, expected: bool) -> Clause:
    return Clause(
        sentence=sentence,
        cel=f"assertion.{claim} == {str(expected).lower()}",
        claim=claim,
        accepts=lambda value: value is expected,  # CEL's true is not 1
    )


def _one_of(sentence: str, claim: str, allowed: tuple[str, ...]) -> Clause:
    return Clause(
        sentence=sentence,
        cel=f"assertion.{claim} in {_listed(allowed)}",
        claim=claim,
        accepts=lambda value: value in allowed,
    )


@dataclass(frozen=True, kw_only=True)
class AttestationPolicy:
    """Who may use the model. Lists admit old and new side by side during a rollout.

    Constructing it raises PolicyError, naming every problem, where the policy would be empty,
    malformed or too long: there is no value of this class that renders to nothing.
    """

    image_digests: tuple[str, ...]
    arguments: tuple[str, ...]
    model_hashes: tuple[str, ...]
    hardware: tuple[str, ...]
    project_number: str
    service_account: str

    def __post_init__(self) -> None:
        """Refuse to exist in a form that would admit nobody, or more than was meant."""
        lists = {
            "image_digests": (self.image_digests, DIGEST, "'sha256:' and 64 hex digits"),
            "arguments": (self.arguments, r"(?s).+", "the image's entry point"),
            "model_hashes": (self.model_hashes, SHA256, "64 hex digits"),
            "hardware": (self.hardware, "|".join(HARDWARE), " or ".join(HARDWARE)),
            "project_number": ((self.project_number,), PROJECT_NUMBER, "digits"),
            "service_account": ((self.service_account,), SERVICE_ACCOUNT, "a service account"),
        }
        problems = [
            f"{name}: got an empty list, expected at least one value ({expected})"
            for name, (values, _, expected) in lists.items()
            if not values
        ] + [
            f"{name}: got {value!r}, expected {expected}"
            for name, (values, pattern, expected) in lists.items()
            for value in values
            if not re.fullmatch(pattern, value)
        ]
        if not problems and len(self.condition) > MAX_CONDITION:
            problems.append(
                f"condition: got {len(self.condition)} characters, expected at most"
                f" {MAX_CONDITION}; admit fewer image digests or model hashes at the same time"
            )
        if problems:
            raise PolicyError(
                "The release policy cannot be used, so nothing is released: " + "; ".join(problems)
            )

    @property
    def clauses(self) -> tuple[Clause, ...]:
        """Everything that is pinned, in the order in which it is rendered."""
        return (
            _equal("it runs on Confidential Space", "swname", "CONFIDENTIAL_SPACE"),
            # STABLE, not LATEST: with LATEST each release of the image would lock running VMs out.
            Clause(
                sentence="Google still supports this version of Confidential Space",
                cel=f"'STABLE' in {_SPACE}.support_attributes",
                claim="submods.confidential_space.support_attributes",
                accepts=lambda value: isinstance(value, list | dict) and "STABLE" in value,
            ),
            _equal("debugging was off since boot", "dbgstat", "disabled-since-boot"),
            _boolean("secure boot was on", "secboot", expected=True),
            _one_of("its memory is encrypted by hardware", "hwmodel", self.hardware),
            _one_of(
                "its code is an image that Primus admits",
                "submods.container.image_digest",
                self.image_digests,
            ),
            Clause(
                sentence="the image is run as Primus wrote it, with no other arguments",
                cel=f"{_CONTAINER}.args == {_listed(self.arguments)}",
                claim="submods.container.args",
                accepts=lambda value: value == list(self.arguments),
            ),
            # The claim is absent when nothing was overridden; comparing it outright would be an
            # error, and refuse everyone.
            Clause(
                sentence="the operator did not override the command",
                cel=f"(!has({_CONTAINER}.cmd_override) || size({_CONTAINER}.cmd_override) == 0)",
                claim="submods.container.cmd_override",
                accepts=lambda value: isinstance(value, list | dict | str) and not value,
                absent_is_fine=True,
            ),
            # The environment as a whole holds HOSTNAME, so only this variable can be pinned. The
            # others need no pin: they lead only to things that the operator already has.
            _one_of(
                "it was told to use a model that Primus admits",
                "submods.container.env.MODEL_SHA256",
                self.model_hashes,
            ),
            _boolean(
                "its memory is not monitored",
                "submods.confidential_space.monitoring_enabled.memory",
                expected=False,
            ),
            _equal(
                "it runs in the operator's project",
                "submods.gce.project_number",
                self.project_number,  # the claim is a string of digits, not a number
            ),
            # Exactly one: with `in`, an account obtained by tee-impersonate-service-accounts
            # would satisfy it too.
            Clause(
                sentence="it runs as the agreed service account and as no other",
                cel="size(assertion.google_service_accounts) == 1"
                f" && assertion.google_service_accounts[0] == {quoted(self.service_account)}",
                claim="google_service_accounts",
                accepts=lambda value: value == [self.service_account],
            ),
        )

    @property
    def condition(self) -> str:
        """The release condition, one clause a line: true admits, false or an error refuses."""
        return " &&\n".join(clause.cel for clause in self.clauses)

    def explain(self, claims: Mapping[str, Any]) -> tuple[Clause, ...]:
        """The clauses that these claims do not meet; empty exactly when they are admitted."""
        return tuple(clause for clause in self.clauses if not clause.check(claims))
