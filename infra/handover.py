"""The values that Primus publishes for Secundus, and Secundus' checks of them.

Both companies use this one definition, so both always agree on it. No value is secret. `peer_stack`
reads the values.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from infra import naming
from infra.config.problems import NAMESPACE
from infra.errors import ProgramError
from infra.untrusted_text import described, shown
from infra.wording import counted

if TYPE_CHECKING:
    from infra.config.company_settings import Operator
    from infra.config.secundus_settings import Author

OUTPUT: Final = "handover"
"""The stack output with the handover."""

SCHEMA: Final = "confidential-inference/handover/v1"

_KEYS: Final = (
    "schema",
    "image",
    "audience",
    "modelUri",
    "modelSha256",
    "modelReader",
    "operatorNumber",
    "operatorAccount",
)

_LONGEST_KEY: Final = 100
_MOST_KEYS: Final = 5
"""Limits of the error about unknown keys, which the peer may have written."""


class HandoverError(ProgramError):
    """The published values cannot be used, or this company has not agreed to them."""


@dataclass(frozen=True, kw_only=True)
class Handover:
    """Primus' image and model, and the provider and account that release the model."""

    image: str
    audience: str
    model_uri: str
    model_sha256: str
    model_reader: str
    operator_number: str = ""
    """the one project whose machines are admitted; empty from versions that did not publish it"""
    operator_account: str = ""
    """the one account of these machines; empty from versions that did not publish it"""

    def published(self) -> dict[str, str]:
        """The published form."""
        return {
            "schema": SCHEMA,
            "image": self.image,
            "audience": self.audience,
            "modelUri": self.model_uri,
            "modelSha256": self.model_sha256,
            "modelReader": self.model_reader,
            "operatorNumber": self.operator_number,
            "operatorAccount": self.operator_account,
        }


def accepted(published: object, author: Author, us: Operator, source: str) -> Handover:
    """The handover that `source` published, if every value is valid and belongs to the author.

    HandoverError with every problem. With values of somebody else, their code would run on this
    company's pictures; if Primus admits another machine, only a boot would show it.
    """
    if published is None:
        raise HandoverError(
            f"{source} has published no {OUTPUT!r} yet, so there is nothing to launch; nothing was"
            f" changed. Deploy it first: pulumi up --stack {source}"
        )
    if not isinstance(published, dict) or published.get("schema") != SCHEMA:
        got = published.get("schema") if isinstance(published, dict) else published
        raise HandoverError(
            f"{source} published a handover of schema {described(got)}, expected {SCHEMA!r}: the"
            " two companies run versions of this program that do not fit; nothing was changed. Use"
            f" the same version, then: pulumi up --stack {source}"
        )
    problems = _problems(published, author)
    if problems:
        raise HandoverError(
            f"{source} published a handover that cannot be trusted; nothing was changed."
            + "".join(f"\n  - {problem}" for problem in problems)
            + "\nIf the author of the model is another one than configured: "
            + _set("secundus", "author.project", "PROJECT")
            + " && "
            + _set("secundus", "author.projectNumber", "NUMBER")
        )
    _admits(published, us, source)
    return Handover(
        image=published["image"],
        audience=published["audience"],
        model_uri=published["modelUri"],
        model_sha256=published["modelSha256"],
        model_reader=published["modelReader"],
        operator_number=published.get("operatorNumber") or "",
        operator_account=published.get("operatorAccount") or "",
    )


def _admits(published: dict[str, Any], us: Operator, source: str) -> None:
    """HandoverError if the release condition is for another machine than this company's."""
    number, account = published.get("operatorNumber"), published.get("operatorAccount")
    here = re.escape(us.service_account.partition("@")[2])
    differing = [
        _Difference(
            f"operatorNumber: got {described(number)}, expected {us.project_number!r}, which is"
            " projectNumber of this stack",
            _set(source, "operator.projectNumber", us.project_number),
            _set("secundus", "projectNumber", str(number))
            if _is(number, naming.PROJECT_NUMBER)
            else "",
        ),
        _Difference(
            f"operatorAccount: got {described(account)}, expected {us.service_account!r}, which is"
            " names.serviceAccount in the project of this stack",
            _set(source, "operator.serviceAccount", us.service_account),
            # This stack cannot use an account of another project.
            _set("secundus", "names.serviceAccount", str(account).partition("@")[0])
            if _is(account, f"{naming.ACCOUNT_ID}@{here}")
            else "",
        ),
    ]
    wrong = [
        difference
        for difference, got, ours in zip(
            differing, (number, account), (us.project_number, us.service_account), strict=True
        )
        if got not in (None, "", ours)
    ]
    if wrong:
        raise HandoverError(
            f"{source} admits another machine than this stack declares, so the model would be"
            " refused after the boot; nothing was changed."
            + "".join(f"\n  - {each.text}" for each in wrong)
            + "\nHave Primus admit this one: "
            + " && ".join([*(each.there for each in wrong), f"pulumi up --stack {source}"])
            + (
                "\nOr declare here what it admits: " + " && ".join(each.here for each in wrong)
                if all(each.here for each in wrong)
                else ""
            )
        )


class _Difference(NamedTuple):
    """A difference in words, and the command that fixes it on either side."""

    text: str
    there: str
    here: str
    """empty if this stack cannot become what the peer admits"""


def _set(stack: str, key: str, value: str) -> str:
    return f"pulumi config set --stack {stack} --path '{NAMESPACE}:{key}' {value}"


def _problems(published: dict[str, Any], author: Author) -> list[str]:
    sha256 = published.get("modelSha256")
    agreed = str(sha256) if _is(sha256, naming.SHA256) else naming.SHA256
    project, number = re.escape(author.project), re.escape(author.project_number)
    expected = {
        "image": (
            rf"{naming.LOCATION}-docker\.pkg\.dev/{project}{naming.IMAGE_PATH}@{naming.DIGEST}",
            f"an image by digest in a repository of project {author.project}",
        ),
        "audience": (
            re.escape(naming.audience("NUMBER", "POOL", "PROVIDER"))
            .replace("NUMBER", number)
            .replace("POOL", naming.POOL_ID)
            .replace("PROVIDER", naming.POOL_ID),
            f"a provider of project number {author.project_number}",
        ),
        "modelUri": (
            rf"gs://{naming.BUCKET}/"
            + re.escape(naming.model_path("SHA256")).replace("SHA256", agreed),
            naming.model_uri("BUCKET", "<modelSha256>"),
        ),
        "modelSha256": (naming.SHA256, "64 hex digits"),
        "modelReader": (
            rf"{naming.ACCOUNT_ID}@{project}\.iam\.gserviceaccount\.com",
            f"a service account of project {author.project}",
        ),
    }
    return [
        f"{key}: got {described(published.get(key))}, expected {meaning}"
        for key, (pattern, meaning) in expected.items()
        if not _is(published.get(key), pattern)
    ] + _unknown([key for key in published if key not in _KEYS])


def _is(value: object, pattern: str) -> bool:
    return isinstance(value, str) and re.fullmatch(pattern, value) is not None


def _unknown(keys: list[str]) -> list[str]:
    listed = [f"{shown(key, _LONGEST_KEY)}: not part of {SCHEMA}" for key in keys[:_MOST_KEYS]]
    return (
        listed
        if len(keys) <= _MOST_KEYS
        else [*listed, counted(len(keys) - _MOST_KEYS, "more such key")]
    )


def approved(image: str, digests: tuple[str, ...] | None) -> str:
    """The image, if this company has approved its digest, or approves any (None)."""
    _, _, digest = image.partition("@")
    if digests is not None and digest not in digests:
        raise HandoverError(
            f"The image to be launched is {image}, but approvedDigests holds only"
            f" {', '.join(digests)}: nobody here has agreed to run this code on the pictures, so"
            " nothing was changed. If somebody has looked at it since: pulumi config set --stack"
            f" secundus --path 'confidential-inference:approvedDigests[{len(digests)}]' {digest}"
        )
    return image
