"""The clauses of the release condition: about the machine, the container, and who runs it.

Each clause is written here once: its CEL, its sentence, its fix. `policy_values` has its values.
https://docs.cloud.google.com/confidential-computing/confidential-space/docs/reference/token-claims
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Final

from infra import naming
from infra.attestation.clause import Clause, Party, listed, quoted

if TYPE_CHECKING:
    from collections.abc import Sequence

    from infra.attestation.policy_values import PolicyValues

_CONTAINER: Final = "assertion.submods.container"


def _equal(
    sentence: str,
    claim: str,
    expected: str,
    fix: str,
    without: str,
    *,
    absence_of: Party = Party.PLATFORM,
) -> Clause:
    return Clause(
        sentence=sentence,
        cel=f"assertion.{claim} == {quoted(expected)}",
        claim=claim,
        expected=json.dumps(expected),
        accepts=lambda value: value == expected,
        absence_of=absence_of,
        fix=fix,
        without=without,
    )


def _boolean(sentence: str, claim: str, fix: str, without: str, *, expected: bool) -> Clause:
    return Clause(
        sentence=sentence,
        cel=f"assertion.{claim} == {str(expected).lower()}",
        claim=claim,
        expected=str(expected).lower(),
        accepts=lambda value: value is expected,  # CEL's true is not 1
        fix=fix,
        without=without,
    )


def _one_of(
    sentence: str,
    claim: str,
    allowed: Sequence[str],
    fix: str,
    without: str,
    *,
    absence_of: Party = Party.PLATFORM,
) -> Clause:
    return Clause(
        sentence=sentence,
        cel=f"assertion.{claim} in {listed(allowed)}",
        claim=claim,
        expected=" or ".join(map(json.dumps, allowed)),
        accepts=lambda value: value in allowed,
        absence_of=absence_of,
        fix=fix,
        without=without,
        allowed=tuple(allowed),
    )


_BOOT = "pulumi config set confidentialSpaceImage {} --stack secundus && pulumi up --stack secundus"
_PRODUCTION = _BOOT.format("projects/confidential-space-images/global/images/confidential-space-…")


def platform(values: PolicyValues) -> tuple[Clause, ...]:
    """What the machine must be."""
    space = "submods.confidential_space"
    return (
        _equal(
            "it runs on Confidential Space",
            "swname",
            "CONFIDENTIAL_SPACE",
            _PRODUCTION,
            "another attested system is admitted, on which the operator can be administrator",
        ),
        # STABLE, not LATEST: with LATEST each release of the image would lock running VMs out.
        Clause(
            sentence="Google still supports this version of Confidential Space",
            cel=f"'STABLE' in assertion.{space}.support_attributes",
            claim=f"{space}.support_attributes",
            expected='a list with "STABLE" in it',
            accepts=lambda value: isinstance(value, list | dict) and "STABLE" in value,
            absence_of=Party.OPERATOR,  # tokens of debug images, as recorded, have no such claim
            fix=_BOOT.format("the newest of the family confidential-space"),
            without="a version of Confidential Space is admitted that Google no longer supports",
        ),
        # Debug images lack STABLE too, says the documentation; one live debug token did not.
        _equal(
            "debugging was off since boot",
            "dbgstat",
            "disabled-since-boot",
            _PRODUCTION,
            "a debug image is admitted, in which the operator can log in",
        ),
        _boolean(
            "secure boot was on",
            "secboot",
            "deploy the machine by this program, which switches it on: pulumi up --stack secundus",
            "a machine is admitted that booted without secure boot",
            expected=True,
        ),
        _one_of(
            "its memory is encrypted by hardware",
            "hwmodel",
            values.hardware,
            "pulumi config set confidentialType SEV --stack secundus && pulumi up --stack secundus",
            "a machine is admitted whose memory its owner can read",
        ),
        _boolean(
            "its memory is not monitored",
            f"{space}.monitoring_enabled.memory",
            "remove tee-monitoring-memory-enable and tee-monitoring-enable from the metadata",
            "a machine is admitted whose memory use the operator watches",
            expected=False,
        ),
        # Nothing of Primus' uses a GPU. A token that has one may say that its memory is not
        # protected (`cc_mode` OFF or DEVTOOLS), and nobody here would judge that.
        Clause(
            sentence="it has no GPU",
            cel="!has(assertion.submods.nvidia_gpu)",
            claim="submods.nvidia_gpu",
            expected="nothing",
            accepts=lambda _: False,
            absent_is_fine=True,
            fix="deploy the machine by this program, which attaches no GPU: pulumi up --stack"
            " secundus",
            without="a machine with a GPU is admitted, whose memory may not be protected",
        ),
    )


_HASH: Final = "MODEL_SHA256"
_HANDED_OVER: Final = "pulumi up --stack secundus takes it from Primus' handover"


def workload(values: PolicyValues) -> tuple[Clause, ...]:
    """What the container must be."""
    return (
        _one_of(
            "its code is an image that Primus admits",
            "submods.container.image_digest",
            values.image_digests,
            "launch the admitted image: pulumi config rm image --stack secundus && pulumi up"
            " --stack secundus; or have Primus admit this one: image.admitAlso of stack primus",
            "any code is admitted",
        ),
        Clause(
            sentence="the image is run as Primus wrote it, with no other arguments",
            cel=f"{_CONTAINER}.args == {listed(values.arguments)}",
            claim="submods.container.args",
            expected=json.dumps(list(values.arguments)),
            accepts=lambda value: value == list(values.arguments),
            mistake_of=Party.AUTHOR,
            overridden_by="submods.container.cmd_override",
            fix="remove tee-cmd from the metadata; if there is none, the image's ENTRYPOINT and"
            " CMD are not those that the condition was made for",
            without="an admitted image is admitted with any arguments",
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
            fix="remove tee-cmd from the metadata",
            without="an admitted image is admitted with a command of the operator",
        ),
        # The label in the image says the same; this holds if an image is ever admitted without it.
        Clause(
            sentence="the operator set no variables but those that Primus names",
            cel=f"(!has({_CONTAINER}.env_override)"
            f" || {_CONTAINER}.env_override.all(name, name in {listed(values.environment)}))",
            claim="submods.container.env_override",
            expected="nothing but " + ", ".join(values.environment),
            accepts=lambda value: (
                isinstance(value, list | dict) and all(name in values.environment for name in value)
            ),
            absent_is_fine=True,
            fix="remove every other tee-env-* from the metadata",
            without="the operator may set any variable of the workload",
            allowed=values.environment,
        ),
        # The environment as a whole holds HOSTNAME, so variables are pinned one by one: all that
        # lead to something of Primus'. INPUT_URI and RESULT_URI lead to what the operator has.
        _one_of(
            "it was told to use a model that Primus admits",
            "submods.container.env.MODEL_SHA256",
            values.model_hashes,
            "pulumi up --stack secundus takes the hash from Primus' handover; or have Primus admit"
            " this one: model.admitAlso of stack primus",
            "the workload may be told to load any file of the model bucket",
            absence_of=Party.OPERATOR,
        ),
    )


def source(values: PolicyValues) -> tuple[Clause, ...]:
    """Where the container must look for the model, and through which provider and account.

    Were these free, an admitted workload could be sent to any object that the reader may read, and
    the code in its result would tell the operator whether there is one of that name.
    """
    before, _, after = naming.model_uri(values.model_bucket, _HASH).partition(_HASH)
    audience = values.audience
    pool = audience.find("/workloadIdentityPools/")
    return (
        Clause(
            sentence="it was told where Primus keeps that model",
            cel=f"{_CONTAINER}.env.MODEL_URI ==\n"
            f"  {quoted(before)} + {_CONTAINER}.env.MODEL_SHA256 + {quoted(after)}",
            claim="submods.container.env.MODEL_URI",
            expected=json.dumps(before + _HASH + after),
            accepts=lambda uri, sha256: (
                isinstance(sha256, str) and uri == f"{before}{sha256}{after}"
            ),
            given=_HASH,
            absence_of=Party.OPERATOR,
            fix=_HANDED_OVER,
            without="the workload may be sent to any object that the model's reader may read",
        ),
        Clause(
            sentence="it was told to ask the provider that judges this token",
            # In two parts: a preview cuts each line at 150 characters, and each part is shorter.
            cel=f"{_CONTAINER}.env.MODEL_AUDIENCE ==\n"
            f"  {quoted(audience[:pool])} +\n  {quoted(audience[pool:])}",
            claim="submods.container.env.MODEL_AUDIENCE",
            expected=json.dumps(audience),
            accepts=lambda value: value == audience,
            absence_of=Party.OPERATOR,
            fix=_HANDED_OVER,
            without="the workload may be told to ask another provider",
        ),
        _equal(
            "it was told to act as the model's reader",
            "submods.container.env.MODEL_READER",
            values.model_reader,
            _HANDED_OVER,
            "the workload may be told to act as another account",
            absence_of=Party.OPERATOR,
        ),
    )


def operator(values: PolicyValues) -> tuple[Clause, ...]:
    """Who must run it."""
    return (
        _equal(
            "it runs in the operator's project",
            "submods.gce.project_number",
            values.project_number,  # the claim is a string of digits, not a number
            "deploy into the agreed project; or have Primus agree: projectNumber of this operator"
            " in stack primus",
            "a machine in any project is admitted",
        ),
        # Exactly one: with `in`, an account obtained by tee-impersonate-service-accounts
        # would satisfy it too.
        Clause(
            sentence="it runs as the agreed service account and as no other",
            cel="size(assertion.google_service_accounts) == 1"
            f" && assertion.google_service_accounts[0] ==\n  {quoted(values.service_account)}",
            claim="google_service_accounts",
            expected=json.dumps([values.service_account]),
            accepts=lambda value: value == [values.service_account],
            fix="run as the agreed account alone, without tee-impersonate-service-accounts; or"
            " have Primus agree: serviceAccount of this operator in stack primus",
            without="a machine that runs as any account is admitted",
        ),
    )


def every(values: PolicyValues) -> tuple[Clause, ...]:
    """All clauses, in the order of the condition."""
    return (*platform(values), *workload(values), *source(values), *operator(values))
