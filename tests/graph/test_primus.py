"""What Primus declares: the model kept private, released to one workload, its code published."""

from __future__ import annotations

import hashlib
import re
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pulumi
import pytest

from infra import naming
from infra.attestation.clause import listed
from infra.attestation.release_policy import AND, MAPPING, UNBUILT
from infra.build_context import context_hash
from tests.fixtures import model_files
from tests.graph.mocked import BUILT, Graph, Refused

if TYPE_CHECKING:
    from collections.abc import Callable

    Deploy = Callable[..., Graph]


def _sha256() -> str:
    with tempfile.TemporaryDirectory() as folder:
        archive, _ = model_files.write(Path(folder))
        return hashlib.sha256(archive.read_bytes()).hexdigest()


MODEL = _sha256()
"""Of the archive in each test's folder."""
A, B = "sha256:" + "aa" * 32, "sha256:" + "bb" * 32
READER = "primus-sa@primus-models.iam.gserviceaccount.com"


def test_resources_of_primus_are_these_and_no_others(primus: Deploy) -> None:
    """An inventory: whatever is added shows up here."""
    kinds = [r.type.rpartition(":")[2] for r in primus().resources if r.request.custom]
    assert {kind: kinds.count(kind) for kind in sorted(kinds)} == {
        "Account": 1,
        "Bucket": 1,
        "BucketIAMMember": 1,
        "BucketObject": 1,
        "IAMMember": 1,
        "Image": 1,
        "Repository": 1,
        "RepositoryIamMember": 1,
        "Service": 6,
        "Stash": 2,
        "WorkloadIdentityPool": 1,
        "WorkloadIdentityPoolProvider": 1,
        "gcp": 1,
    }


def test_apis_are_enabled_and_never_disabled(primus: Deploy) -> None:
    """Others may use them in the same project."""
    services = primus().all("Service")
    assert [s.inputs["service"].partition(".")[0] for s in services] == [
        "artifactregistry",
        "cloudresourcemanager",
        "iam",
        "iamcredentials",
        "storage",
        "sts",
    ]
    assert {s.inputs["disableOnDestroy"] for s in services} == {False}


def test_the_model_bucket_is_private_and_has_no_undelete(primus: Deploy) -> None:
    """No object ACL, no public access whatever the organisation allows, no undelete."""
    bucket = primus(labels={"team": "models"}, forceDestroy="true").one("Bucket").inputs
    assert bucket["name"] == "primus-models-model-bucket"
    assert bucket["location"] == "us-west1"
    assert bucket["uniformBucketLevelAccess"] is True
    assert bucket["publicAccessPrevention"] == "enforced"
    assert bucket["softDeletePolicy"] == {"retentionDurationSeconds": 0}
    assert bucket["labels"] == {"team": "models"}
    assert bucket["forceDestroy"] is True


@pytest.mark.parametrize(
    ("region", "bucket"),
    [("us", "us"), ("asia", "asia"), ("europe", "EU"), ("me-west1", "me-west1")],
)
def test_a_multi_region_has_the_name_of_each_service(
    primus: Deploy, region: str, bucket: str
) -> None:
    """Artifact Registry says europe, Cloud Storage EU; docker's host is the former's."""
    graph = primus(region=region)
    assert graph.one("Bucket").inputs["location"] == bucket
    assert graph.one("Repository").inputs["location"] == region
    assert graph.one("RepositoryIamMember").inputs["location"] == region
    pushed = graph.one("Image").inputs["imageName"]
    assert pushed.startswith(f"{region}-docker.pkg.dev/primus-models/")


def test_model_is_stored_and_named_by_its_hash(primus: Deploy) -> None:
    """Another model is another resource, so that it is stored before the old one goes."""
    model = primus().one("BucketObject")
    assert model.name == f"primus-model-{MODEL[:12]}"
    assert model.inputs["name"] == f"models/{MODEL}/model.tar.gz"
    assert isinstance(model.inputs["source"], pulumi.FileAsset)


def test_only_the_reader_reads_the_model(primus: Deploy) -> None:
    """One grant on the bucket, to one account, to read."""
    grant = primus().one("BucketIAMMember").inputs
    assert grant == {
        "bucket": "primus-models-model-bucket",
        "role": "roles/storage.objectViewer",
        "member": f"serviceAccount:{READER}",
        "condition": {
            "title": f"model {MODEL[:12]}",
            "expression": 'resource.name.startsWith("projects/_/buckets/primus-models-model-bucket'
            f'/objects/models/{MODEL}/model.tar.gz")',
        },
    }


def test_provider_trusts_googles_attestation_and_always_has_the_condition(primus: Deploy) -> None:
    """Without a condition it would admit every token of that issuer."""
    graph = primus()
    provider = graph.one("WorkloadIdentityPoolProvider").inputs
    assert provider["oidc"] == {
        "issuerUri": "https://confidentialcomputing.googleapis.com/",
        "allowedAudiences": ["https://sts.googleapis.com"],
    }
    assert provider["attributeMapping"] == MAPPING
    condition = provider["attributeCondition"]
    assert condition == graph.exports["attributeCondition"]
    for pinned in (BUILT, MODEL, "'222222222222'", "workload-sa@secundus-vision.iam"):
        assert pinned in condition


def grants(graph: Graph) -> dict[str, str]:
    """Who may act as the model's reader: attribute and digest, by resource name."""
    found = graph.all("IAMMember")
    assert {g.inputs["role"] for g in found} <= {"roles/iam.workloadIdentityUser"}
    assert {g.inputs["serviceAccountId"] for g in found} <= {
        f"projects/primus-models/serviceAccounts/{READER}"
    }
    pool = graph.one("WorkloadIdentityPool").inputs["workloadIdentityPoolId"]
    of_pool = naming.attested("111111111111", pool, "", "").removesuffix("/")
    return {g.name: g.inputs["member"].replace(of_pool, "attribute.") for g in found}


def test_a_built_image_is_granted_under_its_own_attribute(primus: Deploy) -> None:
    """So that its grant is never the binding of a grant for a digest in config."""
    assert grants(primus()) == {
        "primus-attestation-release-built": f"attribute.built_image_digest/{BUILT}"
    }


@pytest.mark.parametrize(
    ("image", "expected"),
    [
        ({"digest": A}, {f"primus-attestation-release-{A[7:19]}": f"attribute.image_digest/{A}"}),
        (
            {"digest": B, "admitAlso": [A]},
            {
                f"primus-attestation-release-{A[7:19]}": f"attribute.image_digest/{A}",
                f"primus-attestation-release-{B[7:19]}": f"attribute.image_digest/{B}",
            },
        ),
        (
            {"digest": A, "admitAlso": [A]},
            {f"primus-attestation-release-{A[7:19]}": f"attribute.image_digest/{A}"},
        ),
        (
            {"admitAlso": [BUILT]},
            {
                f"primus-attestation-release-{BUILT[7:19]}": f"attribute.image_digest/{BUILT}",
                "primus-attestation-release-built": f"attribute.built_image_digest/{BUILT}",
            },
        ),
    ],
    ids=["pinned", "pinned and another", "the same twice", "built and the same in config"],
)
def test_one_grant_for_each_admitted_digest_and_none_twice(
    primus: Deploy, image: object, expected: dict[str, str]
) -> None:
    """Two grants that mean one binding destroy each other; the whole pool is never granted."""
    found = grants(primus(image=image))
    assert found == expected
    assert len(set(found.values())) == len(found)


def test_admitted_digests_are_each_in_the_condition_once(primus: Deploy) -> None:
    """What is granted and what the condition says are the same list."""
    graph = primus(image={"digest": B, "admitAlso": [A, B]})
    assert graph.exports["imageDigests"] == [B, A]
    assert f"image_digest in {listed([A, B])}" in graph.exports["attributeCondition"]


def test_other_models_are_admitted_and_stored_beside_the_one_that_is_handed_over(
    primus: Deploy, folder: Path
) -> None:
    """Old and new side by side during a rollout: a hash that is admitted has its object."""
    (folder / "old.tar.gz").write_bytes(b"the model before")
    old = hashlib.sha256(b"the model before").hexdigest()
    graph = primus(model={"admitAlso": {old: "old.tar.gz"}})
    assert {o.name: o.inputs["name"] for o in graph.all("BucketObject")} == {
        f"primus-model-{sha256[:12]}": f"models/{sha256}/model.tar.gz" for sha256 in (old, MODEL)
    }
    hashes = listed(sorted((old, MODEL)))
    assert f"MODEL_SHA256 in {hashes}" in graph.exports["attributeCondition"]
    assert graph.exports["handover"]["modelSha256"] == MODEL


def test_a_model_that_is_admitted_twice_is_stored_once(primus: Deploy) -> None:
    """As where a rollout is taken back and its other half is still in config."""
    graph = primus(model={"admitAlso": {MODEL: "model/model.tar.gz"}})
    assert [o.name for o in graph.all("BucketObject")] == [f"primus-model-{MODEL[:12]}"]


def test_a_model_that_would_not_be_stored_is_refused_before_anything_is_declared(
    primus: Deploy,
) -> None:
    """The condition would admit what nobody could load."""
    with pytest.raises(Refused, match=r"gone\.tar\.gz cannot be read") as refused:
        primus(preview=True, model={"admitAlso": {"c3" * 32: "gone.tar.gz"}})
    assert refused.value.declared == []


def test_the_pool_id_has_a_suffix_that_never_changes(primus: Deploy) -> None:
    """A deleted pool's id stays reserved; a suffix that changed would replace the pool."""
    graph = primus()
    stash = graph.one("Stash", "primus-attestation-pool-suffix")
    assert re.fullmatch("[0-9a-f]{6}", stash.inputs["input"])
    assert list(stash.request.ignoreChanges) == ["input"]
    pool = graph.one("WorkloadIdentityPool").inputs["workloadIdentityPoolId"]
    assert pool == f"primus-wip-{stash.inputs['input']}"


@pytest.mark.parametrize("name", [{"pool": "my-pool"}, {"provider": "my-provider"}])
def test_other_names_have_a_suffix_of_their_own(primus: Deploy, name: dict[str, str]) -> None:
    """Names that are changed and changed back must not lead to an id that was deleted."""
    graph = primus(names=name)
    (suffix,) = [
        s for s in graph.all("Stash") if s.name.startswith("primus-attestation-pool-suffix")
    ]
    assert next(iter(name.values())) in suffix.name
    pool = graph.one("WorkloadIdentityPool").inputs["workloadIdentityPoolId"]
    assert pool == f"{name.get('pool', 'primus-wip')}-{suffix.inputs['input']}"


def test_image_is_built_for_confidential_space_and_tagged_by_what_it_is_built_from(
    primus: Deploy, folder: Path
) -> None:
    """The tag is for people; no login goes into the state."""
    image = primus().one("Image").inputs
    tag = context_hash(folder / "workload")[:16]
    assert image["imageName"] == (
        f"us-west1-docker.pkg.dev/primus-models/primus-models-artifact-repo/workload:{tag}"
    )
    assert image["build"] == {
        "context": "workload",
        "dockerfile": "workload/Dockerfile",
        "platform": "linux/amd64",
        "args": {"LOCK": "requirements.txt"},
    }
    assert image["skipPush"] is False
    assert "registry" not in image


def test_a_litert_model_gets_an_image_with_its_engine(primus: Deploy, folder: Path) -> None:
    """The manifest's format decides, so that archive and image cannot be of two kinds."""
    model_files.write(folder / "model", model_files.described("litert"))
    build = primus(model={"archive": "model/model.tar.gz"}).one("Image").inputs["build"]
    assert build["args"] == {"LOCK": "requirements-litert.txt"}


def test_a_pinned_image_is_not_built(primus: Deploy) -> None:
    """No docker daemon is needed then."""
    assert primus(image={"digest": A}).all("Image") == []


def test_every_account_of_the_operator_may_pull_the_image_and_nobody_else(primus: Deploy) -> None:
    """The image is not the secret; the model is."""
    grant = primus().one("RepositoryIamMember").inputs
    assert grant["role"] == "roles/artifactregistry.reader"
    assert grant["member"] == (
        "principalSet://cloudresourcemanager.googleapis.com/projects/222222222222"
        "/type/ServiceAccount"
    )


def test_the_handover_has_the_declared_values(primus: Deploy) -> None:
    """Secundus launches by nothing else."""
    graph = primus(image={"digest": A})
    pool = graph.one("WorkloadIdentityPool").inputs["workloadIdentityPoolId"]
    assert graph.exports["handover"] == {
        "schema": "confidential-inference/handover/v1",
        "image": f"us-west1-docker.pkg.dev/primus-models/primus-models-artifact-repo/workload@{A}",
        "audience": "//iam.googleapis.com/projects/111111111111/locations/global"
        f"/workloadIdentityPools/{pool}/providers/primus-wip-provider",
        "modelUri": f"gs://primus-models-model-bucket/models/{MODEL}/model.tar.gz",
        "modelSha256": MODEL,
        "modelReader": READER,
        "operatorNumber": "222222222222",
        "operatorAccount": "workload-sa@secundus-vision.iam.gserviceaccount.com",
    }


def test_a_preview_shows_the_whole_condition_where_the_digest_is_in_config(primus: Deploy) -> None:
    """A pull request can then be judged by what it changes."""
    graph = primus(preview=True, image={"digest": A})
    assert "attributeCondition" not in graph.unknown_exports
    assert A in graph.exports["attributeCondition"]


def test_a_preview_cannot_know_the_condition_before_the_image_is_built(primus: Deploy) -> None:
    """It must not show a guess."""
    assert "attributeCondition" in primus(preview=True).unknown_exports


def test_a_policy_that_would_be_too_long_is_refused_at_preview_even_before_a_build(
    primus: Deploy,
) -> None:
    """Whatever the digest will be, it is as long as any other."""
    digests = [f"sha256:{n:064x}" for n in range(1, 61)]
    with pytest.raises(Refused, match="expected at most 4096"):
        primus(preview=True, image={"admitAlso": digests})


def test_a_model_that_does_not_match_its_manifest_is_refused_before_anything_is_declared(
    primus: Deploy, folder: Path
) -> None:
    """The condition would admit the wrong model."""
    (folder / "model" / "model.tar.gz").write_bytes(b"x")
    with pytest.raises(Refused, match=r"model\.archive: .* has 1 bytes"):
        primus(preview=True)


def test_the_bucket_and_the_pool_are_protected_only_where_config_says_so(primus: Deploy) -> None:
    """The engine refuses to delete or replace what is protected; nothing is by default."""
    kinds = {"modelBucket": "Bucket", "pool": "WorkloadIdentityPool"}
    for protect in ([], ["modelBucket"], ["pool"], ["modelBucket", "pool"]):
        graph = primus(protect=protect)
        protected = {r.name for r in graph.resources if r.request.protect}
        assert protected == {graph.one(kinds[key]).name for key in protect}


def test_a_built_image_leaves_the_rest_of_the_condition_known(primus: Deploy) -> None:
    """The component's input is the condition but for the digest and the pool's suffix."""
    graph = primus(image={"admitAlso": [A]})
    declared = AND.join(
        clause["cel"] for clause in graph.one("ModelRelease").inputs["declaredClauses"].values()
    )
    deployed = graph.one("WorkloadIdentityPoolProvider").inputs["attributeCondition"]
    pool = graph.one("WorkloadIdentityPool").inputs["workloadIdentityPoolId"]
    assert UNBUILT in declared
    assert A in declared
    for unknown, known in ((UNBUILT, BUILT), (f"primus-wip-{naming.NO_SUFFIX}", pool)):
        declared = declared.replace(unknown, known)
    lines, deployed_lines = (
        sorted(line.removesuffix(" &&") for line in text.splitlines())
        for text in (declared, deployed)
    )
    assert lines == deployed_lines


def test_a_pinned_image_is_in_the_declared_condition(primus: Deploy) -> None:
    """Nothing of it is unknown but the pool's suffix."""
    clauses = primus(image={"digest": A}).one("ModelRelease").inputs["declaredClauses"]
    declared = clauses["submods.container.image_digest"]["cel"]
    assert A in declared
    assert UNBUILT not in declared
