"""Attacks without a changed machine: other identities, other providers, other requests."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from infra.naming import audience
from rehearsal.attacks import gates, rest_api
from rehearsal.attacks.gates import REJECTED, Gate
from rehearsal.attacks.rest_api import OPERATOR, OUTSIDER, OWNER, WORKLOAD
from rehearsal.attacks.scenario import Row, around, launching, put, running
from rehearsal.cloud.iam import access
from rehearsal.cloud.state import Bucket, Policy, Pool, Provider, ServiceAccount, StoredObject
from rehearsal.image_builder.oci import digest

if TYPE_CHECKING:
    from collections.abc import Callable

    from rehearsal.attacks.deployment import Target
    from rehearsal.attacks.scenario import Attempt, Change
    from rehearsal.cloud.iam.access import Caller

READER = "serviceAccount:primus-sa@primus-models.iam.gserviceaccount.com"
LEND = "Permission 'iam.serviceAccounts.getAccessToken' denied on resource (or it may not exist)."
GONE = 'The target service indicated by the "audience" parameters is invalid.'
NO_READ = "does not have storage.objects.get access to the Google Cloud Storage object."
INPUT = "secundus-vision-input-bucket"
MODELS = "primus-models-model-bucket"
OTHER_OBJECT = "notes-of-somebody-at-primus.txt"
OWN_BUCKET = "secundus-vision-own-bucket"
OWN_READER = "own-reader@secundus-vision.iam.gserviceaccount.com"
OWN_HASH = digest(b"a model of Secundus' own").removeprefix("sha256:")


def _object(bucket: str, name: str) -> str:
    return f"storage.googleapis.com/storage/v1/b/{bucket}/o/{quote(name, safe='')}?alt=media"


def _model(target: Target) -> str:
    bucket, name = target.model
    return _object(bucket.name, name)


def _picture(target: Target) -> str:
    return _object(INPUT, next(iter(target.cloud.buckets[INPUT].objects)))


def _result(target: Target) -> str:
    return _object(target.result_bucket, "result")


def _asking(
    member: str | None, where: Callable[[Target], str], verb: str = "GET", body: object = None
) -> Attempt:
    return around(
        lambda target: rest_api.ask(target, member, verb, where(target), Gate.BUCKET, body)
    )


def _model_bucket(suffix: str) -> Callable[[Target], str]:
    def where(target: Target) -> str:
        return f"storage.googleapis.com/storage/v1/b/{target.model[0].name}{suffix}"

    return where


def _reader(suffix: str) -> Callable[[Target], str]:
    def where(target: Target) -> str:
        return f"iam.googleapis.com/v1/projects/-/serviceAccounts/{target.reader.email}{suffix}"

    return where


def _provider(suffix: str) -> Callable[[Target], str]:
    return lambda target: f"iam.googleapis.com/v1/{target.provider.name}{suffix}"


def _administering(where: Callable[[Target], str], verb: str, body: object = None) -> Attempt:
    """Secundus' administrator sends a request to Primus' identity management."""
    return around(
        lambda target: rest_api.ask(target, OPERATOR, verb, where(target), Gate.IAM, body)
    )


def as_member(target: Target, member: str) -> Caller:
    """The identity of a member with a token of its own."""
    return access.caller_of_token(target.cloud, target.cloud.mint(member))


def _borrowing(member: str) -> Attempt:
    return around(lambda target: gates.impersonate(target, as_member(target, member)))


def _federated(target: Target) -> Caller:
    return gates.exchange(target, target.issuer.sign(target.claims))


def _without_the_reader(target: Target) -> None:
    """The federated identity reads the bucket itself."""
    bucket, name = target.model
    gates.read(target, _federated(target), bucket.name, name)


def _through(target: Target, pool: str, provider: str, project: str, doc: dict[str, Any]) -> None:
    """Exchange the genuine token at another provider, and ask for the model's reader."""
    name = f"projects/{project}/locations/global/workloadIdentityPools/{pool}"
    owner = target.cloud.project(project)
    assert owner is not None
    target.cloud.pools.setdefault(name, Pool(name, owner.id, {}))
    other = f"{name}/providers/{provider}"
    target.cloud.providers[other] = Provider(other, name, copy.deepcopy(target.provider.doc) | doc)
    token = target.issuer.sign(target.claims)
    gates.impersonate(target, gates.exchange(target, token, audience(project, pool, provider)))


LAX = {"attributeCondition": "assertion.swname == 'CONFIDENTIAL_SPACE'"}
UNMAPPED = {**LAX, "attributeMapping": {"google.subject": "assertion.sub"}}


def _same_pool(doc: dict[str, Any], *changes: Change) -> Attempt:
    """Use a provider for another purpose, in the pool that releases the model."""

    def does(target: Target) -> None:
        for change in changes:
            change(target.claims)
        pool = target.provider.pool.rpartition("/")[2]
        _through(target, pool, "another-purpose", "111111111111", doc)

    return around(does)


def _changed(change: Callable[[Target], None]) -> Attempt:
    """Use the genuine token after a change that only Primus can make."""

    def does(target: Target) -> None:
        change(target)
        bucket, name = target.model
        gates.read(target, gates.impersonate(target, _federated(target)), bucket.name, name)

    return around(does)


def _delete(part: str) -> Callable[[Target], None]:
    def change(target: Target) -> None:
        provider = target.provider
        resource = provider if part == "provider" else target.cloud.pools[provider.pool]
        resource.deleted_at = target.cloud.now()

    return change


def _disable(part: str) -> Callable[[Target], None]:
    def change(target: Target) -> None:
        provider = target.provider
        resource = provider if part == "provider" else target.cloud.pools[provider.pool]
        resource.doc["disabled"] = True

    return change


def _no_release(target: Target) -> None:
    target.reader.policy.bindings = []


def _no_reading(target: Target) -> None:
    target.model[0].policy.bindings = []


def _reader_off(target: Target) -> None:
    target.reader.disabled = True


def _made_public(bucket: Callable[[Target], str], url: Callable[[Target], str]) -> Attempt:
    """Anybody reads; a grant to the public is older than the public access prevention."""

    def does(target: Target) -> None:
        target.cloud.buckets[bucket(target)].policy.bindings.append(
            {"role": "roles/storage.objectViewer", "members": ["allUsers"]}
        )
        rest_api.ask(target, None, "GET", url(target), Gate.BUCKET)

    return around(does)


def _other_object(target: Target) -> None:
    """Primus has another object beside the model, whose name would reveal something."""
    target.model[0].objects[OTHER_OBJECT] = StoredObject({}, b"")


def _own_model(target: Target) -> None:
    """Secundus has an archive of its own that Primus' reader may read."""
    meta = copy.deepcopy(target.model[0].meta)
    reading = Policy([{"role": "roles/storage.objectViewer", "members": [READER]}])
    model = {"model.tar.gz": StoredObject({}, b"an archive")}
    target.cloud.buckets[OWN_BUCKET] = Bucket(OWN_BUCKET, "secundus-vision", meta, reading, model)


def _own_reader(target: Target) -> None:
    """Secundus has an account that every attested workload may act as."""
    email = OWN_READER
    pool = f"principalSet://iam.googleapis.com/{target.provider.pool}/*"
    granted = Policy([{"role": "roles/iam.workloadIdentityUser", "members": [pool]}])
    target.cloud.service_accounts[email] = ServiceAccount(
        email, "secundus-vision", {"email": email}, policy=granted
    )


def _machine_of(member: str) -> Attempt:
    """Somebody who may create machines starts one as the workload's account."""

    def does(target: Target) -> None:
        machine = target.machine
        project = target.cloud.projects[machine.project]
        project.policy.bindings += [
            {"role": role, "members": [member]}
            for role in ("roles/compute.instanceAdmin.v1", "roles/compute.networkAdmin")
        ]
        wanted = {
            key: machine.doc[key]
            for key in (
                "confidentialInstanceConfig",
                "disks",
                "machineType",
                "metadata",
                "networkInterfaces",
                "serviceAccounts",
            )
        }
        url = f"compute.googleapis.com/compute/v1/projects/{project.id}/zones/{machine.zone}"
        rest_api.ask(
            target, member, "POST", f"{url}/instances", Gate.IAM, wanted | {"name": "another"}
        )

    return around(does)


def _row(by: Gate, lie: str, says: str, attempt: Attempt) -> Row:
    return Row(layer="around", lie=lie, by=by, says=says, attempt=attempt)


def _unread(lie: str, attempt: Attempt) -> Row:
    return _row(Gate.BUCKET, lie, NO_READ, attempt)


def _denied(lie: str, says: str, attempt: Attempt) -> Row:
    return _row(Gate.IAM, lie, says, attempt)


def _no_way_in(lie: str, says: str, attempt: Attempt) -> Row:
    return _row(Gate.TOKEN, lie, says, attempt)


ROWS = (
    _unread("Secundus' administrator reads the model", _asking(OPERATOR, _model)),
    _unread("the workload's account reads the model", _asking(WORKLOAD, _model)),
    _unread("somebody with any Google account reads the model", _asking(OUTSIDER, _model)),
    _unread("anybody reads the model", _asking(None, _model)),
    *(
        _unread(f"anybody reads the {what}, made public by mistake", attempt)
        for what, attempt in {
            "model": _made_public(lambda target: target.model[0].name, _model),
            "picture": _made_public(lambda _: INPUT, _picture),
            "result": _made_public(lambda target: target.result_bucket, _result),
        }.items()
    ),
    _unread("an admitted workload reads the model as itself", around(_without_the_reader)),
    _row(
        Gate.BUCKET,
        "Secundus' administrator lists the model's bucket",
        "does not have storage.objects.list access",
        _asking(OPERATOR, _model_bucket("/o")),
    ),
    _row(
        Gate.BUCKET,
        "Secundus' administrator grants herself the model's bucket",
        "does not have storage.buckets.setIamPolicy access",
        _asking(
            OPERATOR,
            _model_bucket("/iam"),
            "PUT",
            {"bindings": [{"role": "roles/storage.admin", "members": [OPERATOR]}]},
        ),
    ),
    _row(
        Gate.BUCKET,
        "Secundus' administrator puts another model in its place",
        "does not have storage.objects.delete access",
        _asking(OPERATOR, lambda target: _model(target).partition("?")[0], "DELETE"),
    ),
    _unread("the model's reader reads a picture", _asking(READER, _picture)),
    _unread("Primus' administrator reads a picture", _asking(OWNER, _picture)),
    _unread("anybody reads a picture", _asking(None, _picture)),
    _unread("Primus' administrator reads the result", _asking(OWNER, _result)),
    _unread("the model's reader reads the result", _asking(READER, _result)),
    _denied("Secundus' administrator acts as the model's reader", LEND, _borrowing(OPERATOR)),
    _denied("the workload's account acts as the model's reader", LEND, _borrowing(WORKLOAD)),
    _denied("somebody with any account acts as the model's reader", LEND, _borrowing(OUTSIDER)),
    _denied(
        "Secundus' administrator lets herself act as the model's reader",
        "iam.serviceAccounts.setIamPolicy",
        _administering(
            _reader(":setIamPolicy"),
            "POST",
            {"policy": {"bindings": [{"role": "roles/owner", "members": [OPERATOR]}]}},
        ),
    ),
    _denied(
        "Secundus' administrator clears the condition",
        "iam.workloadIdentityPoolProviders.update",
        _administering(
            _provider("?updateMask=attributeCondition"), "PATCH", {"attributeCondition": ""}
        ),
    ),
    _denied(
        "Secundus' administrator adds a provider to Primus' pool",
        "iam.workloadIdentityPoolProviders.create",
        _administering(
            lambda target: (
                f"iam.googleapis.com/v1/{target.provider.pool}/providers"
                "?workloadIdentityPoolProviderId=mine-too"
            ),
            "POST",
            {"oidc": {"issuerUri": "https://secundus.example"}},
        ),
    ),
    _denied(
        "somebody of Secundus' who may not starts a machine as the workload's account",
        "The user does not have access to service account",
        _machine_of("user:apprentice@secundus.example"),
    ),
    _denied(
        "through a lax provider in another pool of Primus' project",
        LEND,
        around(lambda target: _through(target, "another-pool", "lax", "111111111111", LAX)),
    ),
    _denied(
        "through a lax provider in the same pool, with an image that is not admitted",
        LEND,
        _same_pool(LAX, put("submods.container.image_digest", "sha256:" + "0" * 64)),
    ),
    _denied("through a provider in the same pool that maps no image", LEND, _same_pool(UNMAPPED)),
    _denied(
        "through a pool of Secundus' own",
        LEND,
        around(lambda target: _through(target, "own-pool", "lax", "222222222222", LAX)),
    ),
    _no_way_in("the provider was deleted", GONE, _changed(_delete("provider"))),
    _no_way_in("the provider was disabled", GONE, _changed(_disable("provider"))),
    _no_way_in("the pool was deleted", GONE, _changed(_delete("pool"))),
    _no_way_in("the pool was disabled", GONE, _changed(_disable("pool"))),
    _denied("the release was taken back: no grant", LEND, _changed(_no_release)),
    _denied("the reader was disabled", "Precondition check failed.", _changed(_reader_off)),
    _unread("the reader may no longer read", _changed(_no_reading)),
    _row(
        Gate.CONDITION,
        "MODEL_SHA256 names an archive of Secundus' own",
        REJECTED,
        running(
            {
                "tee-env-MODEL_SHA256": OWN_HASH,
                "tee-env-MODEL_URI": f"gs://{MODELS}/models/{OWN_HASH}/model.tar.gz",
            }
        ),
    ),
    *(
        _row(
            Gate.CONDITION,
            f"MODEL_URI names {does}",
            REJECTED,
            running({"tee-env-MODEL_URI": uri}, before=_other_object),
        )
        for does, uri in {
            # Both are answered alike: nobody learns which names there are in Primus' bucket.
            "an object of Primus' bucket that is not there": f"gs://{MODELS}/none",
            "an object of Primus' bucket that is there": f"gs://{MODELS}/{OTHER_OBJECT}",
        }.items()
    ),
    _row(
        Gate.CONDITION,
        "MODEL_URI names an archive of Secundus' own that the reader may read",
        REJECTED,
        running({"tee-env-MODEL_URI": f"gs://{OWN_BUCKET}/model.tar.gz"}, before=_own_model),
    ),
    _row(
        Gate.CONDITION,
        "the token of a run that was told to use a model, reader and provider of Secundus' own",
        REJECTED,
        launching(
            {
                "tee-env-MODEL_URI": f"gs://{OWN_BUCKET}/model.tar.gz",
                "tee-env-MODEL_SHA256": OWN_HASH,
                "tee-env-MODEL_READER": OWN_READER,
                "tee-env-MODEL_AUDIENCE": audience("222222222222", "own-pool", "lax"),
            }
        ),
    ),
    _row(
        Gate.CONDITION,
        "MODEL_READER names an account of Secundus' own",
        REJECTED,
        running({"tee-env-MODEL_READER": OWN_READER}, before=_own_reader),
    ),
    _row(
        Gate.CONDITION,
        "MODEL_AUDIENCE names another provider of Primus'",
        REJECTED,
        launching({"tee-env-MODEL_AUDIENCE": audience("111111111111", "another-pool", "lax")}),
    ),
    _no_way_in(
        "MODEL_AUDIENCE names a provider that is not there",
        GONE,
        running({"tee-env-MODEL_AUDIENCE": audience("222222222222", "own-pool", "own-provider")}),
    ),
)
