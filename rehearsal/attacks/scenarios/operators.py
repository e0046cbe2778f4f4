"""Lies of one operator to the release of another, and of an operator that was stopped.

Acme has another model, and an image that Primus admits for it alone. Former was admitted once.
"""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING

from rehearsal.attacks import gates, rest_api
from rehearsal.attacks.deployment import ACME, FORMER, place_of_model
from rehearsal.attacks.gates import REJECTED, RELEASED, Gate
from rehearsal.attacks.scenario import Row, around, put
from rehearsal.attacks.scenarios.access import GONE, LAX, LEND, NO_READ, READER, as_member
from rehearsal.attacks.scenarios.claims import DIGEST, ENV, NUMBER
from rehearsal.cloud.state import Provider

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from rehearsal.attacks.deployment import Target
    from rehearsal.attacks.scenario import Attempt, Change
    from rehearsal.cloud.state import Json

ACCOUNTS = "google_service_accounts"


def _launch(handover: Json) -> Iterator[Change]:
    """What the machine of an operator is told to use."""
    for variable, key in (
        ("MODEL_URI", "modelUri"),
        ("MODEL_SHA256", "modelSha256"),
        ("MODEL_AUDIENCE", "audience"),
        ("MODEL_READER", "modelReader"),
    ):
        yield put(f"{ENV}.{variable}", handover[key])


def _identity(handover: Json) -> Iterator[Change]:
    """Who an operator's machine is."""
    yield put(NUMBER, handover["operatorNumber"])
    yield put(ACCOUNTS, [handover["operatorAccount"]])


def _image(handover: Json) -> Change:
    return put(DIGEST, handover["image"].partition("@")[2])


def _token(target: Target, *changes: Change) -> str:
    claims = copy.deepcopy(target.claims)
    for change in changes:
        change(claims)
    return target.issuer.sign(claims)


def _genuine(target: Target, name: str) -> str:
    """The token that the machine of a named operator gets."""
    handover = target.handovers[name]
    return _token(target, *_launch(handover), *_identity(handover), _image(handover))


def _release(target: Target, name: str, token: str) -> None:
    """Everything that a token gives at the release of a named operator."""
    handover = target.handovers[name]
    who = gates.exchange(target, token, handover["audience"])
    reader = gates.impersonate(target, who, handover["modelReader"])
    gates.read(target, reader, *place_of_model(handover))


def _at(
    name: str,
    token: Callable[[Target], str],
    before: Callable[[Target], object] = lambda _: None,
) -> Attempt:
    """Use a token at the release of a named operator, after a change that Primus can make."""

    def does(target: Target) -> None:
        before(target)
        _release(target, name, token(target))

    return around(does)


def _at_ours(*of_acme: Callable[[Json], Iterator[Change]]) -> Attempt:
    """Use a token of Secundus' machine that is Acme's in some claims, at Secundus' release."""

    def does(target: Target) -> None:
        changes = [change for each in of_acme for change in each(target.handovers[ACME])]
        who = gates.exchange(target, _token(target, *changes))
        bucket, name = target.model
        gates.read(target, gates.impersonate(target, who), bucket.name, name)

    return around(does)


def _as_reader(
    reader: Callable[[Target], str], model: Callable[[Target], tuple[str, str]]
) -> Attempt:
    """An account that reads models reads one."""
    return around(
        lambda target: gates.read(
            target, as_member(target, f"serviceAccount:{reader(target)}"), *model(target)
        )
    )


def _ours(target: Target) -> tuple[str, str]:
    return place_of_model(target.handover)


def _to_acmes_reader(target: Target) -> None:
    """An admitted workload of Secundus' asks for a token of the account that Acme's models have."""
    who = gates.exchange(target, target.issuer.sign(target.claims))
    gates.impersonate(target, who, target.handovers[ACME]["modelReader"])


def _lax_beside_acmes(target: Target) -> None:
    """Somebody made another provider in Acme's pool, and it admits an image that is not Acme's."""
    handover = target.handovers[ACME]
    own = target.provider_of(handover)
    lax = f"{own.pool}/providers/lax"
    target.cloud.providers[lax] = Provider(lax, own.pool, copy.deepcopy(own.doc) | LAX)
    token = _token(target, put(DIGEST, "sha256:" + "0" * 64))
    who = gates.exchange(target, token, f"//iam.googleapis.com/{lax}")
    gates.impersonate(target, who, handover["modelReader"])


def _enabled(target: Target) -> None:
    """Somebody at Primus enabled the provider by hand."""
    target.provider_of(target.handovers[FORMER]).doc.pop("disabled", None)


def _granted(target: Target) -> None:
    """The same, and gave the image its grant back."""
    _enabled(target)
    handover = target.handovers[FORMER]
    pool = target.provider_of(handover).pool
    digest = handover["image"].partition("@")[2]
    member = f"principalSet://iam.googleapis.com/{pool}/attribute.image_digest/{digest}"
    target.reader_of(handover).policy.bindings.append(
        {"role": "roles/iam.workloadIdentityUser", "members": [member]}
    )


def _enabled_reader(target: Target) -> None:
    """The same, and enabled the reader."""
    _granted(target)
    target.reader_of(target.handovers[FORMER]).disabled = False


def _row(by: Gate | None, lie: str, says: str, attempt: Attempt) -> Row:
    layer = "operators" if by else "legitimate"
    return Row(layer=layer, lie=lie, by=by, says=says, attempt=attempt)


def _condition(lie: str, attempt: Attempt) -> Row:
    return _row(Gate.CONDITION, lie, REJECTED, attempt)


ROWS = (
    _condition(
        "the token of one operator at the provider of another",
        _at(ACME, lambda target: target.issuer.sign(target.claims)),
    ),
    _condition(
        "the same, of a machine that was told to use the other's model, reader and provider",
        _at(ACME, lambda target: _token(target, *_launch(target.handovers[ACME]))),
    ),
    _condition(
        "the same, with the other's image",
        _at(
            ACME,
            lambda target: _token(
                target, *_launch(target.handovers[ACME]), _image(target.handovers[ACME])
            ),
        ),
    ),
    _condition(
        "one operator's account in another's project, at the release of the account's operator",
        _at(
            ACME,
            lambda target: _token(
                target,
                *_launch(target.handovers[ACME]),
                _image(target.handovers[ACME]),
                put(ACCOUNTS, [target.handovers[ACME]["operatorAccount"]]),
            ),
        ),
    ),
    _condition(
        "the same, at the release of the project's operator",
        _at_ours(lambda acme: iter([put(ACCOUNTS, [acme["operatorAccount"]])])),
    ),
    _condition(
        "the model of one operator, at the release of another",
        _at_ours(
            lambda acme: iter(
                [
                    put(f"{ENV}.MODEL_SHA256", acme["modelSha256"]),
                    put(f"{ENV}.MODEL_URI", acme["modelUri"]),
                ]
            )
        ),
    ),
    _condition(
        "the image that is admitted for one operator, at the release of another",
        _at_ours(lambda acme: iter([_image(acme)])),
    ),
    _row(
        Gate.IAM,
        "an admitted workload of one operator acts as the reader of another's models",
        LEND,
        around(_to_acmes_reader),
    ),
    _row(
        Gate.IAM,
        "through a lax provider in another operator's pool, with an image that is not admitted",
        LEND,
        around(_lax_beside_acmes),
    ),
    _row(
        Gate.BUCKET,
        "the reader of one operator's models reads a model of another",
        NO_READ,
        _as_reader(lambda target: target.handovers[ACME]["modelReader"], _ours),
    ),
    _row(
        Gate.BUCKET,
        "the same, the other way round",
        NO_READ,
        _as_reader(
            lambda target: target.reader.email,
            lambda target: place_of_model(target.handovers[ACME]),
        ),
    ),
    _row(
        Gate.BUCKET,
        "the reader of one operator's models lists the bucket of all models",
        "does not have storage.objects.list access",
        around(
            lambda target: rest_api.ask(
                target,
                READER,
                "GET",
                f"storage.googleapis.com/storage/v1/b/{target.model[0].name}/o",
                Gate.BUCKET,
            )
        ),
    ),
    _row(
        Gate.TOKEN,
        "the token of an operator that was stopped",
        GONE,
        _at(FORMER, lambda target: _genuine(target, FORMER)),
    ),
    _row(
        Gate.IAM,
        "the same, when somebody has enabled its provider by hand",
        LEND,
        _at(FORMER, lambda target: _genuine(target, FORMER), _enabled),
    ),
    _row(
        Gate.IAM,
        "the same, when somebody has given its image the grant back, too",
        "Precondition check failed.",
        _at(FORMER, lambda target: _genuine(target, FORMER), _granted),
    ),
    _row(
        Gate.BUCKET,
        "the same, when somebody has enabled its reader, too",
        NO_READ,
        _at(FORMER, lambda target: _genuine(target, FORMER), _enabled_reader),
    ),
)

LEGITIMATE = (
    _row(
        None,
        "another operator, with a model and an image of its own",
        RELEASED,
        _at(ACME, lambda target: _genuine(target, ACME)),
    ),
)
