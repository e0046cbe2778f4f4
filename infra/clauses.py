"""The single things that Primus pins about an attestation token, each in three forms.

A clause is one line of CEL for Google's token service, one sentence for people, and one check in
plain Python, because the token service never says which line refused. It also knows whose mistake
a refusal is and how to mend it. Which values are pinned is `attestation`'s to say.

The claims: https://docs.cloud.google.com/confidential-computing/confidential-space/docs/reference/token-claims
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final

from infra.errors import ProgramError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

CLAIMS: Final = frozenset(
    {
        "swname",
        "dbgstat",
        "secboot",
        "hwmodel",
        "google_service_accounts",
        "submods.confidential_space.support_attributes",
        "submods.confidential_space.monitoring_enabled.memory",
        "submods.container.image_digest",
        "submods.container.args",
        "submods.container.cmd_override",
        "submods.container.env_override",
        "submods.container.env.MODEL_SHA256",
        "submods.gce.project_number",
    }
)
"""Claims that can be pinned, as live tokens spell them. A pin on a claim that no token carries
would refuse everybody; a clause about any other cannot be made."""

_CONTAINER: Final = "assertion.submods.container"
_LITERAL: Final = re.compile(r"'((?:[^'\\]|\\U[0-9a-f]{8})*)'")


class PolicyError(ProgramError):
    """The policy would admit nobody, or more than was meant; it is never rendered."""


class Party(StrEnum):
    """Whose mistake a refusal is."""

    OPERATOR = "operator"
    AUTHOR = "image author"
    PLATFORM = "platform"
    """Google always fills this claim in: the text is no token of Confidential Space."""


def quoted(text: str) -> str:
    """The CEL string literal whose value is exactly `text`; ValueError for a lone surrogate.

    https://github.com/google/cel-spec/blob/master/doc/langdef.md#string-and-bytes-values
    """
    text.encode()  # a lone surrogate is no Unicode text, and CEL has no literal for it
    plain = (c if c.isascii() and c.isprintable() and c not in "\\'" else _escaped(c) for c in text)
    return "'" + "".join(plain) + "'"


def _escaped(character: str) -> str:
    return f"\\U{ord(character):08x}"


def literals(cel: str) -> tuple[str, ...]:
    """The values of the literals that `quoted` wrote into a line, in their order."""
    return tuple(
        re.sub(r"\\U([0-9a-f]{8})", lambda escaped: chr(int(escaped[1], 16)), literal)
        for literal in _LITERAL.findall(cel)
    )


def _listed(texts: Sequence[str]) -> str:
    return "[" + ", ".join(map(quoted, texts)) + "]"


@dataclass(frozen=True, kw_only=True)
class Clause:
    """One thing that is pinned. Constructing it raises PolicyError for a claim no token has."""

    sentence: str
    cel: str
    claim: str
    """where the claim stands in the token, its keys joined by dots"""
    expected: str
    """what it must be, for people"""
    accepts: Callable[[Any], bool] = field(compare=False, repr=False)
    """whether a present claim is as it must be; never called for an absent one"""
    absent_is_fine: bool = False
    mistake_of: Party = Party.OPERATOR
    cure: str

    def __post_init__(self) -> None:
        """Refuse a pin on something that is not there."""
        if self.claim not in CLAIMS:
            raise PolicyError(
                f"The release policy pins the claim {self.claim!r}, which no attestation token"
                " carries, so it would admit nobody; nothing is released. Pin one of "
                + ", ".join(sorted(CLAIMS))
            )

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
        """What the token holds in this place, as JSON, or that it holds nothing."""
        value: Any = claims
        for key in self.claim.split("."):
            if not isinstance(value, dict) or key not in value:
                return "nothing"
            value = value[key]
        return json.dumps(value)

    def blame(self, claims: Mapping[str, Any]) -> Party:
        """Whose mistake it is that these claims do not meet the clause."""
        return Party.PLATFORM if self.got(claims) == "nothing" else self.mistake_of


def _equal(sentence: str, claim: str, expected: str, cure: str) -> Clause:
    return Clause(
        sentence=sentence,
        cel=f"assertion.{claim} == {quoted(expected)}",
        claim=claim,
        expected=expected,
        accepts=lambda value: value == expected,
        cure=cure,
    )


def _boolean(sentence: str, claim: str, cure: str, *, expected: bool) -> Clause:
    return Clause(
        sentence=sentence,
        cel=f"assertion.{claim} == {str(expected).lower()}",
        claim=claim,
        expected=str(expected).lower(),
        accepts=lambda value: value is expected,  # CEL's true is not 1
        cure=cure,
    )


def _one_of(sentence: str, claim: str, allowed: Sequence[str], cure: str) -> Clause:
    return Clause(
        sentence=sentence,
        cel=f"assertion.{claim} in {_listed(allowed)}",
        claim=claim,
        expected=" or ".join(allowed),
        accepts=lambda value: value in allowed,
        cure=cure,
    )


_BOOT = "pulumi config set confidentialSpaceImage {} --stack secundus && pulumi up --stack secundus"
_PRODUCTION = _BOOT.format("projects/confidential-space-images/global/images/confidential-space-…")


def platform(hardware: Sequence[str]) -> tuple[Clause, ...]:
    """What the machine must be."""
    space = "submods.confidential_space"
    return (
        _equal("it runs on Confidential Space", "swname", "CONFIDENTIAL_SPACE", _PRODUCTION),
        # STABLE, not LATEST: with LATEST each release of the image would lock running VMs out.
        Clause(
            sentence="Google still supports this version of Confidential Space",
            cel=f"'STABLE' in assertion.{space}.support_attributes",
            claim=f"{space}.support_attributes",
            expected="STABLE among them",
            accepts=lambda value: isinstance(value, list | dict) and "STABLE" in value,
            cure=_BOOT.format("the newest of the family confidential-space"),
        ),
        # Debug images lack STABLE too, says the documentation; one live debug token did not.
        _equal("debugging was off since boot", "dbgstat", "disabled-since-boot", _PRODUCTION),
        _boolean(
            "secure boot was on",
            "secboot",
            "deploy the machine by this program, which switches it on: pulumi up --stack secundus",
            expected=True,
        ),
        _one_of(
            "its memory is encrypted by hardware",
            "hwmodel",
            hardware,
            "pulumi config set confidentialType SEV --stack secundus && pulumi up --stack secundus",
        ),
        _boolean(
            "its memory is not monitored",
            f"{space}.monitoring_enabled.memory",
            "remove tee-monitoring-memory-enable and tee-monitoring-enable from the metadata",
            expected=False,
        ),
    )


def workload(
    image_digests: Sequence[str],
    arguments: Sequence[str],
    model_hashes: Sequence[str],
    environment: Sequence[str],
) -> tuple[Clause, ...]:
    """What the container must be."""
    return (
        _one_of(
            "its code is an image that Primus admits",
            "submods.container.image_digest",
            image_digests,
            "launch the admitted image: pulumi config rm image --stack secundus && pulumi up"
            " --stack secundus; or have Primus admit this one: image.admitAlso of stack primus",
        ),
        Clause(
            sentence="the image is run as Primus wrote it, with no other arguments",
            cel=f"{_CONTAINER}.args == {_listed(arguments)}",
            claim="submods.container.args",
            expected=json.dumps(list(arguments)),
            accepts=lambda value: value == list(arguments),
            mistake_of=Party.AUTHOR,
            cure="remove tee-cmd from the metadata; if there is none, the image's ENTRYPOINT and"
            " CMD are not those that the condition was made for",
        ),
        # The claim is absent when nothing was overridden; comparing it outright would be an
        # error, and refuse everyone.
        Clause(
            sentence="the operator did not override the command",
            cel=f"(!has({_CONTAINER}.cmd_override) || size({_CONTAINER}.cmd_override) == 0)",
            claim="submods.container.cmd_override",
            expected="nothing, or an empty list",
            accepts=lambda value: isinstance(value, list | dict | str) and not value,
            absent_is_fine=True,
            cure="remove tee-cmd from the metadata",
        ),
        # The label in the image says the same; this holds if an image is ever admitted without it.
        Clause(
            sentence="the operator set no variables but those that Primus names",
            cel=f"(!has({_CONTAINER}.env_override)"
            f" || {_CONTAINER}.env_override.all(name, name in {_listed(environment)}))",
            claim="submods.container.env_override",
            expected="nothing but " + ", ".join(environment),
            accepts=lambda value: (
                isinstance(value, list | dict) and all(name in environment for name in value)
            ),
            absent_is_fine=True,
            cure="remove every other tee-env-* from the metadata",
        ),
        # The environment as a whole holds HOSTNAME, so only this variable can be pinned. The
        # others need no pin: they lead only to things that the operator already has.
        _one_of(
            "it was told to use a model that Primus admits",
            "submods.container.env.MODEL_SHA256",
            model_hashes,
            "pulumi up --stack secundus takes the hash from Primus' handover; or have Primus admit"
            " this one: model.admitAlso of stack primus",
        ),
    )


def operator(project_number: str, service_account: str) -> tuple[Clause, ...]:
    """Who must run it."""
    return (
        _equal(
            "it runs in the operator's project",
            "submods.gce.project_number",
            project_number,  # the claim is a string of digits, not a number
            "deploy into the agreed project; or have Primus agree: operator.projectNumber of stack"
            " primus",
        ),
        # Exactly one: with `in`, an account obtained by tee-impersonate-service-accounts
        # would satisfy it too.
        Clause(
            sentence="it runs as the agreed service account and as no other",
            cel="size(assertion.google_service_accounts) == 1"
            f" && assertion.google_service_accounts[0] == {quoted(service_account)}",
            claim="google_service_accounts",
            expected=json.dumps([service_account]),
            accepts=lambda value: value == [service_account],
            cure="run as the agreed account alone, without tee-impersonate-service-accounts; or"
            " have Primus agree: operator.serviceAccount of stack primus",
        ),
    )
