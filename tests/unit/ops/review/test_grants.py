"""Grants in words, each with the right effect."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from infra import naming
from ops.review import grants
from ops.review.change import Effect
from tests.fixtures.previews import (
    ACCOUNT_GRANT,
    BUCKET_GRANT,
    PROJECT_GRANT,
    PROVIDER,
    REPOSITORY_GRANT,
    UNKNOWN,
    read_preview,
    step,
)
from tests.fixtures.tokens import BUCKET, DIGEST, READER, policy

if TYPE_CHECKING:
    from tests.fixtures import previews

POOL = (
    "iam.googleapis.com/projects/111111111111/locations/global/workloadIdentityPools/primus-wip-1"
)
ATTESTED = f"principalSet://{POOL}/attribute.image_digest/{DIGEST}"
PROJECT_ACCOUNTS = (
    "principalSet://cloudresourcemanager.googleapis.com/projects/222222222222/type/ServiceAccount"
)
WORKLOAD = "workload-sa@p.iam.gserviceaccount.com"
PICTURES = {"name": "pictures"}
INPUT = step("same", "gcp:storage/bucket:Bucket", "secundus-input", old=PICTURES, new=PICTURES)
MODEL = "c3" * 32
ONE_MODEL = {"title": "model c3c3c3c3c3c3", "expression": naming.only_model(BUCKET, MODEL)}
THE_READER = f"the model's reader {READER}"
THE_BUCKET = f"the model's bucket {BUCKET}"
CONDITION = {
    "attributeCondition": policy().condition,
    "name": f"{POOL.removeprefix('iam.googleapis.com/')}/providers/primus-wip-provider",
}
DEPLOYED = (
    step("same", PROVIDER, old=CONDITION, new=CONDITION),
    step(
        "same",
        "gcp:serviceaccount/account:Account",
        old={"accountId": "primus-sa", "project": "primus-models"},
        new={"accountId": "primus-sa", "project": "primus-models"},
    ),
    step(
        "same",
        "gcp:serviceaccount/account:Account",
        "workload",
        old={"accountId": "workload-sa", "project": "p"},
        new={"accountId": "workload-sa", "project": "p"},
    ),
)


def account(member: str, role: str = "roles/iam.workloadIdentityUser") -> dict[str, Any]:
    """The inputs of a grant on the model's reader."""
    return {
        "serviceAccountId": f"projects/primus-models/serviceAccounts/{READER}",
        "role": role,
        "member": member,
    }


def bucket(member: str, role: str = "roles/storage.objectViewer") -> dict[str, Any]:
    """The inputs of a grant on the model's bucket."""
    return {"bucket": BUCKET, "role": role, "member": member}


def told(*steps: previews.Json) -> list[tuple[Effect, str]]:
    """What the review says of these grants beside the deployed release."""
    return [
        (change.effect, change.sentence)
        for change in grants.changes(read_preview(*DEPLOYED, *steps))
    ]


@pytest.mark.parametrize(
    ("type_", "inputs", "effect", "sentence"),
    [
        (
            ACCOUNT_GRANT,
            account(ATTESTED),
            Effect.ADMITTED,
            f"the image named in config, {DIGEST}, may act as {THE_READER}",
        ),
        (
            ACCOUNT_GRANT,
            account(ATTESTED.replace(".image_digest", ".built_image_digest")),
            Effect.ADMITTED,
            f"the image built here, {DIGEST}, may act as {THE_READER}",
        ),
        (
            ACCOUNT_GRANT,
            account(f"principalSet://{POOL}/*"),
            Effect.LOOSENING,
            f"every identity of the pool primus-wip-1 may act as {THE_READER}",
        ),
        (
            ACCOUNT_GRANT,
            account(f"principalSet://{POOL}/attribute.a/x"),
            Effect.LOOSENING,
            f"identities with attribute.a/x of the pool primus-wip-1 may act as {THE_READER}",
        ),
        (
            ACCOUNT_GRANT,
            account(f"principal://{POOL}/subject/x"),
            Effect.LOOSENING,
            f"identities with subject/x of the pool primus-wip-1 may act as {THE_READER}",
        ),
        (
            ACCOUNT_GRANT,
            account("user:eve@x.example", "roles/iam.serviceAccountTokenCreator"),
            Effect.LOOSENING,
            f"the user eve@x.example may get tokens of {THE_READER}",
        ),
        (
            ACCOUNT_GRANT,
            account("user:eve@x.example", "roles/iam.serviceAccountUser"),
            Effect.LOOSENING,
            f"the user eve@x.example may start machines that run as {THE_READER}",
        ),
        (
            ACCOUNT_GRANT,
            {
                "serviceAccountId": f"projects/p/serviceAccounts/{WORKLOAD}",
                "role": "roles/iam.serviceAccountUser",
                "member": "user:bob@x.example",
            },
            Effect.ADMITTED,
            f"the user bob@x.example may start machines that run as the account {WORKLOAD}",
        ),
        (
            ACCOUNT_GRANT,
            {
                "serviceAccountId": "projects/p/serviceAccounts/105420311358215697923",
                "role": "roles/iam.serviceAccountUser",
                "member": "user:eve@x.example",
            },
            Effect.LOOSENING,
            (
                "the user eve@x.example may start machines that run as the account"
                " 105420311358215697923"
            ),
        ),
        (
            PROJECT_GRANT,
            {
                "project": "p",
                "role": "roles/iam.serviceAccountUser",
                "member": "user:eve@x.example",
            },
            Effect.LOOSENING,
            "the user eve@x.example may start machines that run as the project p",
        ),
        (
            PROJECT_GRANT,
            {
                "project": "p",
                "role": "roles/storage.objectViewer",
                "member": f"serviceAccount:{WORKLOAD}",
            },
            Effect.LOOSENING,
            f"the account {WORKLOAD} may read the objects of the project p",
        ),
        (
            BUCKET_GRANT,
            bucket(f"serviceAccount:{READER}", "roles/storage.objectUser"),
            Effect.LOOSENING,
            f"the account {READER} may read, write and delete the objects of {THE_BUCKET}",
        ),
        (
            ACCOUNT_GRANT,
            account(ATTESTED.replace("111111111111", "666666666666")),
            Effect.LOOSENING,
            (
                f"identities with attribute.image_digest/{DIGEST} of the pool primus-wip-1 in the"
                f" project 666666666666, which is none of this stack, may act as {THE_READER}"
            ),
        ),
        (
            ACCOUNT_GRANT,
            account(ATTESTED.replace("primus-wip-1", "eve-pool")),
            Effect.LOOSENING,
            (
                f"identities with attribute.image_digest/{DIGEST} of the pool eve-pool in the"
                f" project 111111111111, which is none of this stack, may act as {THE_READER}"
            ),
        ),
        (
            ACCOUNT_GRANT,
            account(f"principalSet://{POOL}/attribute.image_digest/*"),
            Effect.LOOSENING,
            (
                "identities with attribute.image_digest/* of the pool primus-wip-1 may act as"
                f" {THE_READER}"
            ),
        ),
        (
            BUCKET_GRANT,
            bucket(f"serviceAccount:{READER}", "roles/storage.admin"),
            Effect.LOOSENING,
            f"the account {READER} has roles/storage.admin on {THE_BUCKET}",
        ),
        (
            BUCKET_GRANT,
            bucket("principalSet://odd.example/x"),
            Effect.LOOSENING,
            f"principalSet://odd.example/x may read the objects of {THE_BUCKET}",
        ),
        (
            PROJECT_GRANT,
            {"project": "p", "role": UNKNOWN, "member": UNKNOWN},
            Effect.UNKNOWN,
            "somebody who is not known before `up` has not known before `up` on the project p",
        ),
        (
            PROJECT_GRANT,
            {"project": "p", "role": "roles/logging.logWriter", "member": UNKNOWN},
            Effect.NOTE,
            "somebody who is not known before `up` may write logs in the project p",
        ),
        (
            BUCKET_GRANT,
            bucket(f"serviceAccount:{READER}"),
            Effect.LOOSENING,
            f"the account {READER} may read the objects of {THE_BUCKET}",
        ),
        (
            BUCKET_GRANT,
            {**bucket(f"serviceAccount:{READER}"), "condition": ONE_MODEL},
            Effect.ADMITTED,
            f"the account {READER} may read the model {MODEL} in {THE_BUCKET}",
        ),
        (
            BUCKET_GRANT,
            {**bucket("serviceAccount:eve@x.iam.gserviceaccount.com"), "condition": ONE_MODEL},
            Effect.LOOSENING,
            f"the account eve@x.iam.gserviceaccount.com may read the model {MODEL} in {THE_BUCKET}",
        ),
        (
            BUCKET_GRANT,
            {
                **bucket(f"serviceAccount:{READER}"),
                "condition": {"expression": naming.only_model("another", MODEL)},
            },
            Effect.LOOSENING,
            (
                f"the account {READER} may read the objects of {THE_BUCKET} (if"
                f" {naming.only_model('another', MODEL)})"
            ),
        ),
        (
            BUCKET_GRANT,
            bucket("allUsers"),
            Effect.LOOSENING,
            f"anybody on the Internet (allUsers) may read the objects of {THE_BUCKET}",
        ),
        (
            BUCKET_GRANT,
            bucket("projectViewer:primus-models"),
            Effect.LOOSENING,
            f"every viewer of the project primus-models may read the objects of {THE_BUCKET}",
        ),
        (
            BUCKET_GRANT,
            bucket("group:all@x.example", "roles/storage.objectUser"),
            Effect.LOOSENING,
            f"the group all@x.example may read, write and delete the objects of {THE_BUCKET}",
        ),
        (
            BUCKET_GRANT,
            bucket("domain:x.example", "roles/custom"),
            Effect.LOOSENING,
            f"domain:x.example has roles/custom on {THE_BUCKET}",
        ),
        (
            BUCKET_GRANT,
            {**bucket(f"serviceAccount:{READER}"), "condition": {"expression": "size(x) == 1"}},
            Effect.LOOSENING,
            (f"the account {READER} may read the objects of {THE_BUCKET} (if size(x) == 1)"),
        ),
        (
            BUCKET_GRANT,
            bucket(UNKNOWN),
            Effect.UNKNOWN,
            f"somebody who is not known before `up` may read the objects of {THE_BUCKET}",
        ),
        (
            BUCKET_GRANT,
            {"bucket": BUCKET, "role": ["odd"], "member": 7},
            Effect.LOOSENING,
            f"7 has ['odd'] on {THE_BUCKET}",
        ),
        (
            PROJECT_GRANT,
            {"project": "p", "role": "roles/logging.logWriter", "member": "user:a@b.example"},
            Effect.NOTE,
            "the user a@b.example may write logs in the project p",
        ),
        (
            PROJECT_GRANT,
            {"project": "p", "role": "roles/logging.logWriter", "member": PROJECT_ACCOUNTS},
            Effect.LOOSENING,
            "every service account of the project 222222222222 may write logs in the project p",
        ),
        (
            REPOSITORY_GRANT,
            {
                "repository": "images",
                "role": "roles/artifactregistry.reader",
                "member": PROJECT_ACCOUNTS,
            },
            Effect.NOTE,
            (
                "every service account of the project 222222222222 may pull the images of the"
                " repository images"
            ),
        ),
        (
            REPOSITORY_GRANT,
            {
                "repository": "images",
                "role": "roles/artifactregistry.writer",
                "member": PROJECT_ACCOUNTS,
            },
            Effect.LOOSENING,
            (
                "every service account of the project 222222222222 has"
                " roles/artifactregistry.writer on the repository images"
            ),
        ),
        (
            "gcp:kms/cryptoKeyIAMMember:CryptoKeyIAMMember",
            {"role": "roles/x", "member": "user:a@b.example"},
            Effect.LOOSENING,
            "the user a@b.example has roles/x on gcp:kms/cryptoKeyIAMMember:CryptoKeyIAMMember it",
        ),
    ],
)
def test_a_new_grant_in_words(
    type_: str, inputs: dict[str, Any], effect: Effect, sentence: str
) -> None:
    """Who, what, on which resource, and whether that is a loosening."""
    assert told(step("create", type_, new=inputs)) == [(effect, f"from now on: {sentence}")]


def test_a_removed_grant_is_retired() -> None:
    """In the same words."""
    ((effect, sentence),) = told(step("delete", ACCOUNT_GRANT, old=account(ATTESTED)))
    assert effect is Effect.RETIRED
    assert sentence == (f"no longer: the image named in config, {DIGEST}, may act as {THE_READER}")


def test_a_removed_grant_that_stays_in_the_cloud_is_no_reduction() -> None:
    """The engine only forgets it."""
    kept = step("delete", ACCOUNT_GRANT, old=account(ATTESTED), retainOnDelete=True)
    ((effect, sentence),) = told(kept)
    assert effect is Effect.NOTE
    assert sentence.startswith("the stack forgets this, and it stays: the image")


def test_a_replaced_grant_is_one_added_and_one_removed() -> None:
    """Unless it is the same grant, on a bucket that is made anew."""
    old, new = bucket("user:a@x.example"), bucket("user:b@x.example")
    effects = [effect for effect, _ in told(step("replace", BUCKET_GRANT, old=old, new=new))]
    assert effects == [Effect.LOOSENING, Effect.RETIRED]
    ((effect, sentence),) = told(step("replace", BUCKET_GRANT, old=old, new=old))
    assert (effect, sentence.partition(":")[0]) == (Effect.NOTE, "made anew")


def test_the_grant_of_the_built_image_is_an_admission_although_its_member_is_unknown() -> None:
    """Its name and its parent say that it is for the image; `up` checks the member."""
    ((effect, sentence),) = told(released("primus-attestation-release-built"))
    assert effect is Effect.ADMITTED
    who = "the image that `up` builds (not known before `up`)"
    assert sentence == f"from now on: {who} may act as {THE_READER}"


def test_an_unknown_member_gets_no_other_role_as_an_image() -> None:
    """The name of the resource is the program's to choose."""
    made = released("primus-attestation-release-built", "roles/iam.serviceAccountTokenCreator")
    ((effect, _),) = told(made)
    assert effect is Effect.UNKNOWN


def test_an_image_of_another_pool_is_not_the_one_that_was_admitted_before() -> None:
    """Although the digest is the same."""
    other = ATTESTED.replace("primus-wip-1", "eve-pool")
    told_ = told(
        step("delete", ACCOUNT_GRANT, "old", old=account(ATTESTED)),
        step("create", ACCOUNT_GRANT, "new", new=account(other)),
    )
    assert sorted(effect for effect, _ in told_) == [Effect.LOOSENING, Effect.RETIRED]


def test_an_account_that_moves_to_another_project_is_not_its_own_any_more() -> None:
    """The owner of that project can act as it."""
    old, new = ({"accountId": "a-sa", "project": each} for each in ("mine", "eve"))
    moved = step("replace", "gcp:serviceaccount/account:Account", "a", old=old, new=new)
    for project, expected in (("mine", Effect.ADMITTED), ("eve", Effect.LOOSENING)):
        member = f"serviceAccount:a-sa@{project}.iam.gserviceaccount.com"
        grant = {**bucket(member), "bucket": "pictures"}
        ((effect, _),) = told(INPUT, moved, step("create", BUCKET_GRANT, new=grant))
        assert effect is expected


def released(name: str, role: str = "roles/iam.workloadIdentityUser") -> previews.Json:
    """A new grant below the release whose member is not known yet."""
    made = step("create", ACCOUNT_GRANT, name, new=account(UNKNOWN, role))
    made["urn"] = made["urn"].replace(
        ACCOUNT_GRANT, f"confidential-inference:infra:ModelRelease${ACCOUNT_GRANT}"
    )
    return made


def test_a_grant_for_an_image_of_config_is_an_admission_before_the_pool_has_a_name() -> None:
    """The first preview does not know the pool, and so no member."""
    ((effect, sentence),) = told(released("primus-attestation-release-0123456789ab"))
    assert effect is Effect.ADMITTED
    assert "the image sha256:0123456789ab… (not known before `up`) may act" in sentence
    ((effect, _),) = told(released("primus-attestation-other"))
    assert effect is Effect.UNKNOWN


def test_pinning_the_built_image_admits_nobody_else() -> None:
    """The grant names it by another attribute (ADR 2)."""
    built = account(ATTESTED.replace(".image_digest", ".built_image_digest"))
    ((effect, sentence),) = told(
        step("delete", ACCOUNT_GRANT, "built", old=built),
        step("create", ACCOUNT_GRANT, "pinned", new=account(ATTESTED)),
    )
    assert effect is Effect.NOTE
    assert sentence.startswith("by another grant, for the same image: the image named in config")


def test_an_account_that_comes_with_the_grant_gets_around_the_attestation() -> None:
    """Somebody could act as it; accounts that the stack had before are known."""
    address = "eve-sa@primus-models.iam.gserviceaccount.com"
    inputs = {"accountId": "eve-sa", "project": "primus-models"}
    new = step("create", "gcp:serviceaccount/account:Account", "eve", new=inputs)
    for where in (BUCKET, "pictures"):
        grant = {**bucket(f"serviceAccount:{address}"), "bucket": where}
        ((effect, _),) = told(INPUT, new, step("create", BUCKET_GRANT, new=grant))
        assert effect is Effect.LOOSENING
    old = {**new, "op": "same", "oldState": {**new["newState"], "outputs": inputs}}
    grant = {**bucket(f"serviceAccount:{address}"), "bucket": "pictures"}
    ((effect, _),) = told(INPUT, old, step("create", BUCKET_GRANT, new=grant))
    assert effect is Effect.ADMITTED


@pytest.mark.parametrize(
    "type_",
    [
        "gcp:storage/bucketIAMBinding:BucketIAMBinding",
        "gcp:projects/iAMPolicy:IAMPolicy",
        "gcp:artifactregistry/repositoryIamBinding:RepositoryIamBinding",
        "gcp:storage/bucketACL:BucketACL",
        "gcp:storage/objectAccessControl:ObjectAccessControl",
    ],
)
def test_a_grant_that_replaces_others_cannot_be_judged(type_: str) -> None:
    """The preview does not show which grants it removes."""
    ((effect, sentence),) = told(step("create", type_, new={"bucket": "b"}))
    assert effect is Effect.UNJUDGED
    assert type_ in sentence


def test_an_unchanged_grant_is_not_mentioned() -> None:
    """Only changes are."""
    assert told(step("same", BUCKET_GRANT, old=bucket("allUsers"), new=bucket("allUsers"))) == []
