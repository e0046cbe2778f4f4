"""Secundus' checks of what Primus published: before anything else happens.

Every value must be valid and belong to the agreed author, and the release condition must be for
this company's machine. `peer_stack` and `peer_file` read the values.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from infra import naming
from infra.config.problems import set_command
from infra.config.validators import FREE_NAME
from infra.handover import NAMED, OUTPUT, SCHEMA, Handover, HandoverError
from infra.untrusted_text import described, shown
from infra.wording import counted

if TYPE_CHECKING:
    from collections.abc import Mapping

    from infra.config.company_settings import Operator
    from infra.config.secundus_settings import Author

_KEYS: Final = (
    "schema",
    "image",
    "audience",
    "modelUri",
    "modelSha256",
    "modelReader",
    "operatorNumber",
    "operatorAccount",
    "models",
    "stopped",
)

_LONGEST_KEY: Final = 100
_MOST_KEYS: Final = 5
"""Limits of the error about unknown keys, which the peer may have written."""


def own(outputs: Mapping[str, Any], us: Operator, source: str) -> object:
    """The one of a stack's published handovers that is for this company.

    HandoverError if there are several, and none of them or more than one is for it. Of a single
    one `accepted` says what differs.
    """
    named = outputs.get(NAMED)
    every = [outputs.get(OUTPUT), *(named.values() if isinstance(named, dict) else ())]
    published = [each for each in every if each is not None]
    ours = [
        each
        for each in published
        if isinstance(each, dict)
        and (each.get("operatorNumber"), each.get("operatorAccount"))
        == (us.project_number, us.service_account)
    ]
    if len(published) < 2 or len(ours) == 1:  # noqa: PLR2004  two: a choice
        return (ours or published or [None])[0]
    raise HandoverError(
        f"{source} admits {counted(len(published), 'operator')}, and"
        f" {counted(len(ours), 'of them is', 'of them are')} this stack, expected one: with project"
        f" number {us.project_number} and account {us.service_account}. A machine would be refused"
        f" the model, so nothing was changed. {_add(source, us)}"
    )


def accepted(
    published: object, author: Author, us: Operator, source: str, *, stack: str = ""
) -> Handover:
    """The handover that `source` published, if every value is valid and belongs to the author.

    `stack` is Primus' stack, if `source` is not its name. HandoverError with every problem. With
    values of somebody else, their code would run on this company's pictures; if Primus admits
    another machine, only a boot would show it.
    """
    stack = stack or source
    if published is None:
        raise HandoverError(
            f"{source} has published no {OUTPUT!r} yet, so there is nothing to launch; nothing was"
            f" changed. Deploy it first: pulumi up --stack {stack}"
        )
    if not isinstance(published, dict) or published.get("schema") != SCHEMA:
        got = published.get("schema") if isinstance(published, dict) else published
        raise HandoverError(
            f"{source} published a handover of schema {described(got)}, expected {SCHEMA!r}: the"
            " two companies run versions of this program that do not fit; nothing was changed. Use"
            f" the same version, then: pulumi up --stack {stack}"
        )
    problems = _problems(published, author)
    if problems:
        raise HandoverError(
            f"{source} published a handover that cannot be trusted; nothing was changed."
            + "".join(f"\n  - {problem}" for problem in problems)
            + "\nIf the author of the model is another one than configured: "
            + set_command("secundus", "author.project", "PROJECT")
            + " && "
            + set_command("secundus", "author.projectNumber", "NUMBER")
        )
    _admits(published, us, source, stack)
    if published.get("stopped"):
        raise HandoverError(
            f"{source} has stopped this operator: no machine of it is given the model until Primus"
            " admits it again, so nothing was changed. Ask Primus' people; to remove what is"
            " deployed here: pulumi destroy --stack secundus"
        )
    return Handover(
        image=published["image"],
        audience=published["audience"],
        model_uri=published["modelUri"],
        model_sha256=published["modelSha256"],
        model_reader=published["modelReader"],
        operator_number=published.get("operatorNumber") or "",
        operator_account=published.get("operatorAccount") or "",
        models=published.get("models") or {},
    )


def _admits(published: Mapping[str, Any], us: Operator, source: str, stack: str) -> None:
    """HandoverError if the release condition is for another machine than this company's."""
    number, account = published.get("operatorNumber"), published.get("operatorAccount")
    here = re.escape(us.service_account.partition("@")[2])
    differing = [
        _Difference(
            f"operatorNumber: got {described(number)}, expected {us.project_number!r}, which is"
            " projectNumber of this stack",
            set_command("secundus", "projectNumber", str(number))
            if _is(number, naming.PROJECT_NUMBER)
            else "",
        ),
        _Difference(
            f"operatorAccount: got {described(account)}, expected {us.service_account!r}, which is"
            " names.serviceAccount in the project of this stack",
            # This stack cannot use an account of another project.
            set_command("secundus", "names.serviceAccount", str(account).partition("@")[0])
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
            + f"\n{_add(stack, us)}"
            + (
                "\nOr declare here what it admits: " + " && ".join(each.here for each in wrong)
                if all(each.here for each in wrong)
                else ""
            )
        )


def _add(stack: str, us: Operator) -> str:
    """The commands that admit this company beside whoever is admitted.

    Never those that change an operator: it may be another customer, or another stage.
    """
    return "Have Primus add this company, under a name of its own: " + " && ".join(
        [
            set_command(stack, "operators.NAME.project", us.project),
            set_command(stack, "operators.NAME.projectNumber", us.project_number),
            set_command(stack, "operators.NAME.serviceAccount", us.service_account),
            f"pulumi up --stack {stack}",
        ]
    )


class _Difference(NamedTuple):
    """A difference in words, and the command that takes it over here."""

    text: str
    here: str
    """empty if this stack cannot become what the peer admits"""


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
    return (
        [
            f"{key}: got {described(published.get(key))}, expected {meaning}"
            for key, (pattern, meaning) in expected.items()
            if not _is(published.get(key), pattern)
        ]
        + _others(published)
        + unknown([key for key in published if key not in _KEYS], SCHEMA)
    )


def _others(published: dict[str, Any]) -> list[str]:
    """What is wrong with the keys that are there only if they say something."""
    models, stopped = published.get("models", {}), published.get("stopped", False)
    valid = isinstance(models, dict) and all(
        _is(name, FREE_NAME.pattern) and _is(sha256, naming.SHA256)
        for name, sha256 in models.items()
    )
    problems = []
    if not valid or (models and published.get("modelSha256") not in models.values()):
        problems.append(
            f"models: got {described(models)}, expected the SHA-256 of each model by its name,"
            " modelSha256 among them"
        )
    if not isinstance(stopped, bool):
        problems.append(f"stopped: got {described(stopped)}, expected true or nothing")
    return problems


def _is(value: object, pattern: str) -> bool:
    return isinstance(value, str) and re.fullmatch(pattern, value) is not None


def unknown(keys: list[str], schema: str) -> list[str]:
    """A problem for each key that a schema does not have; of many keys, the first ones."""
    listed = [f"{shown(key, _LONGEST_KEY)}: not part of {schema}" for key in keys[:_MOST_KEYS]]
    more = len(keys) - _MOST_KEYS
    return listed if more <= 0 else [*listed, counted(more, "more such key")]


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
