"""What Secundus declares: its pictures kept private, one account, one confidential machine."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.graph.mocked import HANDOVER, Graph, Refused

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    Deploy = Callable[..., Graph]

DIGEST = "sha256:" + "a1" * 32
NEXT = "sha256:" + "0b" * 32
ACCOUNT = "workload-sa@secundus-vision.iam.gserviceaccount.com"


def test_resources_of_secundus_are_these_and_no_others(secundus: Deploy) -> None:
    """An inventory: whatever is added shows up here."""
    custom = [r for r in secundus().resources if r.request.custom]
    kinds = [r.type.partition(":")[2] for r in custom]
    assert {kind: kinds.count(kind) for kind in sorted(kinds)} == {
        "compute/firewall:Firewall": 1,
        "compute/instance:Instance": 1,
        "compute/network:Network": 1,
        "compute/subnetwork:Subnetwork": 1,
        "index:Stash": 1,
        "projects/iAMMember:IAMMember": 2,
        "projects/service:Service": 6,
        "providers:gcp": 1,
        "serviceaccount/account:Account": 1,
        "serviceaccount/iAMMember:IAMMember": 1,
        "storage/bucket:Bucket": 2,
        "storage/bucketIAMMember:BucketIAMMember": 2,
        "storage/bucketObject:BucketObject": 2,
    }


def test_apis_are_enabled_and_never_disabled(secundus: Deploy) -> None:
    """Others may use them in the same project."""
    services = secundus().all("Service")
    assert [s.inputs["service"].partition(".")[0] for s in services] == [
        "cloudresourcemanager",
        "compute",
        "confidentialcomputing",
        "iam",
        "logging",
        "storage",
    ]
    assert {s.inputs["disableOnDestroy"] for s in services} == {False}


@pytest.mark.parametrize("name", ["input", "result"])
def test_buckets_are_private(secundus: Deploy, name: str) -> None:
    """No object ACL, and no public access whatever the organisation allows."""
    bucket = secundus().one("Bucket", f"secundus-{name}").inputs
    assert bucket["name"] == f"secundus-vision-{name}-bucket"
    assert bucket["uniformBucketLevelAccess"] is True
    assert bucket["publicAccessPrevention"] == "enforced"
    assert bucket["forceDestroy"] is False


def test_pictures_of_the_folder_are_put_into_the_input_bucket(secundus: Deploy) -> None:
    """By their own names, and by the names that they had in the stack before."""
    graph = secundus()
    assert [(o.inputs["name"], o.inputs["bucket"]) for o in graph.all("BucketObject")] == [
        ("dent.jpg", "secundus-vision-input-bucket"),
        ("hole.png", "secundus-vision-input-bucket"),
    ]
    before = graph.one("PrivateBucket", "secundus-input").urn
    for stored in graph.all("BucketObject"):
        picture = stored.inputs["name"]
        earlier = {(alias.spec.name, alias.spec.parentUrn) for alias in stored.request.aliases}
        assert earlier == {(f"picture-{picture}", before), (picture, "")}


def test_a_preview_says_how_many_pictures_there_are(secundus: Deploy) -> None:
    """And how many bytes."""
    assert secundus().one("Uploads").inputs == {"pictures": 2, "bytes": len(b"jpeg" + b"png")}


def test_the_machine_waits_for_the_pictures(secundus: Deploy) -> None:
    """It would classify those that are there."""
    graph = secundus()
    stored = {picture.urn for picture in graph.all("BucketObject")}
    assert stored <= graph.one("Instance").dependencies


def test_files_that_are_not_uploaded_give_a_warning(secundus: Deploy, folder: Path) -> None:
    """A preview reports them, and continues."""
    (folder / "model" / "pictures" / "notes.txt").write_text("x")
    told = "1 of 3 files are not uploaded ('notes.txt')"
    assert any(told in warning for warning in secundus(preview=True).warnings)


def test_pictures_are_optional(secundus: Deploy) -> None:
    """Secundus may fill the bucket in another way."""
    assert secundus(pictures="").all("BucketObject") == []


def test_a_folder_without_pictures_is_refused(secundus: Deploy, folder: Path) -> None:
    """The workload would have nothing to classify."""
    with pytest.raises(Refused, match="holds no picture"):
        secundus(pictures=str(folder / "workload"))


def test_the_workloads_account_may_read_pictures_write_results_attest_and_log_only(
    secundus: Deploy,
) -> None:
    """Each role, with its resource."""
    graph = secundus()
    on_buckets = {
        (g.inputs["bucket"], g.inputs["role"], g.inputs["member"])
        for g in graph.all("BucketIAMMember")
    }
    assert on_buckets == {
        ("secundus-vision-input-bucket", "roles/storage.objectViewer", f"serviceAccount:{ACCOUNT}"),
        ("secundus-vision-result-bucket", "roles/storage.objectUser", f"serviceAccount:{ACCOUNT}"),
    }
    on_project = {
        (g.inputs["role"], g.inputs["member"])
        for g in graph.all("IAMMember")
        if g.type.startswith("gcp:projects/")
    }
    assert on_project == {
        ("roles/confidentialcomputing.workloadUser", f"serviceAccount:{ACCOUNT}"),
        ("roles/logging.logWriter", f"serviceAccount:{ACCOUNT}"),
    }


def test_operators_may_start_a_machine_as_the_account(secundus: Deploy) -> None:
    """On this account only, never on the project."""
    graph = secundus(operators=["user:a@x.example", "group:b@x.example"])
    found = [g for g in graph.all("IAMMember") if g.type.startswith("gcp:serviceaccount/")]
    assert [(g.inputs["role"], g.inputs["member"]) for g in found] == [
        ("roles/iam.serviceAccountUser", "group:b@x.example"),
        ("roles/iam.serviceAccountUser", "user:a@x.example"),
    ]
    assert {g.inputs["serviceAccountId"] for g in found} == {
        f"projects/secundus-vision/serviceAccounts/{ACCOUNT}"
    }


def test_the_network_refuses_all_ingress_and_reaches_google_privately(secundus: Deploy) -> None:
    """Its own network, because the default one lets others in."""
    graph = secundus()
    assert graph.one("Network").inputs["autoCreateSubnetworks"] is False
    assert graph.one("Subnetwork").inputs["privateIpGoogleAccess"] is True
    firewall = graph.one("Firewall").inputs
    assert firewall["direction"] == "INGRESS"
    assert firewall["denies"] == [{"protocol": "all"}]
    assert firewall["sourceRanges"] == ["0.0.0.0/0"]
    assert firewall["priority"] == 0
    assert "allows" not in firewall


def test_machine_is_confidential_measured_and_without_an_external_address(secundus: Deploy) -> None:
    """Every argument that the attestation token or the release condition turns on."""
    machine = secundus().one("Instance").inputs
    assert machine["name"] == "workload-vm"
    assert machine["zone"] == "us-west1-b"
    assert machine["machineType"] == "n2d-standard-2"
    assert machine["minCpuPlatform"] == "AMD Milan"
    assert machine["confidentialInstanceConfig"] == {"confidentialInstanceType": "SEV"}
    assert machine["shieldedInstanceConfig"] == {
        "enableSecureBoot": True,
        "enableVtpm": True,
        "enableIntegrityMonitoring": True,
    }
    assert machine["scheduling"] == {"onHostMaintenance": "MIGRATE"}
    assert machine["serviceAccount"] == {
        "email": ACCOUNT,
        "scopes": ["https://www.googleapis.com/auth/cloud-platform"],
    }
    assert machine["bootDisk"] == {
        "initializeParams": {
            "image": "projects/confidential-space-images/global/images/confidential-space-260900",
            "size": 20,
            "type": "pd-balanced",
        }
    }
    (interface,) = machine["networkInterfaces"]
    # An access config would be an external address.
    assert set(interface) == {"subnetwork", "subnetworkProject"}
    assert interface["subnetworkProject"] == "secundus-vision"


@pytest.mark.parametrize(
    ("kind", "machine", "platform", "maintenance", "disk"),
    [
        ("SEV", "n2d-highmem-4", "AMD Milan", "MIGRATE", "pd-balanced"),
        ("SEV", "c2d-standard-4", "AMD Milan", "TERMINATE", "pd-balanced"),
        ("SEV", "c3d-standard-4", None, "TERMINATE", "pd-balanced"),
        ("SEV", "c4d-highcpu-8", None, "TERMINATE", "hyperdisk-balanced"),
        ("TDX", "c3-standard-4", None, "TERMINATE", "pd-balanced"),
    ],
)
def test_each_machine_family_has_the_schedule_that_google_requires(
    secundus: Deploy, kind: str, machine: str, platform: str | None, maintenance: str, disk: str
) -> None:
    """MIGRATE is refused for all but n2d with SEV, a CPU platform where there is only one.

    A c4d takes no Persistent Disk.
    """
    inputs = secundus(confidentialType=kind, machineType=machine).one("Instance").inputs
    assert inputs["confidentialInstanceConfig"] == {"confidentialInstanceType": kind}
    assert inputs["scheduling"] == {"onHostMaintenance": maintenance}
    assert inputs.get("minCpuPlatform") == platform
    assert inputs["bootDisk"]["initializeParams"]["type"] == disk


def test_the_machine_gets_the_published_values(secundus: Deploy) -> None:
    """All six variables, the image by digest, and nothing of this company that is secret."""
    metadata = secundus().one("Instance").inputs["metadata"]
    assert metadata == {
        "tee-image-reference": HANDOVER["image"],
        "tee-restart-policy": "Never",
        "tee-env-MODEL_URI": HANDOVER["modelUri"],
        "tee-env-MODEL_SHA256": HANDOVER["modelSha256"],
        "tee-env-MODEL_AUDIENCE": HANDOVER["audience"],
        "tee-env-MODEL_READER": HANDOVER["modelReader"],
        "tee-env-INPUT_URI": "gs://secundus-vision-input-bucket",
        "tee-env-RESULT_URI": "gs://secundus-vision-result-bucket",
        "serial-port-logging-enable": "true",
        "run": "1",
    }


def test_another_launch_or_type_replaces_the_machine(secundus: Deploy) -> None:
    """The provider would change metadata on the running machine, and the type not at all."""
    request = secundus().one("Instance").request
    assert {"metadata", "confidentialInstanceConfig"} <= set(request.replaceOnChanges)
    assert request.deleteBeforeReplace is True


def test_machine_waits_for_every_grant_picture_and_the_firewall(secundus: Deploy) -> None:
    """The launcher does not wait: a machine that boots too early for its permissions gives up."""
    graph = secundus()
    needed = [
        *graph.all("IAMMember"),
        *graph.all("BucketIAMMember"),
        *graph.all("BucketObject"),
        *graph.all("Firewall"),
    ]
    assert len(needed) == 8
    assert {r.urn for r in needed} <= graph.one("Instance").dependencies


def test_new_pictures_replace_the_machine_where_config_says_so(
    secundus: Deploy, folder: Path
) -> None:
    """The machine's metadata has a fingerprint of names and contents in place of a text."""

    def run() -> str:
        metadata = secundus(run="onNewPictures").one("Instance").inputs["metadata"]
        return str(metadata["run"])

    before = run()
    assert before.startswith("pictures-")
    assert run() == before
    (folder / "model" / "pictures" / "dent.jpg").write_bytes(b"another")
    assert run() != before


def test_exports_say_what_runs_and_where_its_results_are(secundus: Deploy) -> None:
    """What a person needs to wait for the result."""
    assert secundus().exports == {
        "inputUri": "gs://secundus-vision-input-bucket",
        "resultUri": "gs://secundus-vision-result-bucket",
        "image": HANDOVER["image"],
        "project": "secundus-vision",
        "instance": "workload-vm",
        "zone": "us-west1-b",
        "startedAt": "2026-11-23T10:00:00.000-08:00",
    }


def test_another_image_can_be_launched_instead_of_the_peers(secundus: Deploy) -> None:
    """The release condition, not this key, decides what it may have."""
    other = f"us-west1-docker.pkg.dev/secundus-vision/custom-image/w@{DIGEST}"
    graph = secundus(image=other)
    assert graph.exports["image"] == other
    assert graph.one("Instance").inputs["metadata"]["tee-image-reference"] == other


def test_a_missing_approval_gives_a_warning_in_every_preview(secundus: Deploy) -> None:
    """Any image of the author would run on the pictures."""
    (warning,) = secundus(preview=True).warnings
    assert "approvedDigests is not set" in warning


def test_an_approved_image_is_launched_without_a_warning(secundus: Deploy) -> None:
    """Somebody has looked at it."""
    graph = secundus(approvedDigests=[DIGEST])
    assert graph.warnings == []
    assert graph.exports["image"] == HANDOVER["image"]


@pytest.mark.parametrize("image", ["", f"r.example/w@sha256:{'0' * 64}"], ids=["peer", "own"])
def test_an_image_that_nobody_approved_is_refused_before_anything_is_declared(
    secundus: Deploy, image: str
) -> None:
    """Also when it is this company's own choice."""
    approved = ["sha256:" + "f" * 64]
    with pytest.raises(Refused, match="nobody here has agreed to run this code") as refused:
        secundus(approvedDigests=approved, image=image)
    assert refused.value.declared == []


def test_a_missing_peer_stack_is_refused_with_the_command(secundus: Deploy) -> None:
    """The engine alone would say 'unknown stack' and nothing else."""
    with pytest.raises(
        Refused,
        match=r"organization/confidential-inference/primus does not exist.*pulumi up --stack",
    ):
        secundus(preview=True, peer={})


@pytest.mark.parametrize(
    ("peer", "message"),
    [
        ({"other": "x"}, "has published no 'handover' yet"),
        ({"handover": {**HANDOVER, "schema": "v0"}}, "of schema 'v0'"),
        (
            {
                "handover": {
                    **HANDOVER,
                    "modelReader": "primus-sa@evil-project.iam.gserviceaccount.com",
                }
            },
            "modelReader: got 'primus-sa@evil-project",
        ),
        (
            {"handover": {**HANDOVER, "operatorNumber": "333333333333"}},
            "operatorNumber: got '333333333333', expected '222222222222', which is projectNumber",
        ),
    ],
    ids=["not deployed", "another schema", "another author", "another operator"],
)
def test_the_handover_is_checked_before_any_resource_is_declared(
    secundus: Deploy, peer: object, message: str
) -> None:
    """The outputs of a stack are available then, and nothing has been changed yet."""
    with pytest.raises(Refused, match=message) as refused:
        secundus(preview=True, peer=peer)
    assert refused.value.declared == []


def test_the_result_bucket_alone_is_protected_where_config_says_so(secundus: Deploy) -> None:
    """Pictures can be uploaded again; results may be the only copy."""
    for protect in ([], ["resultBucket"]):
        graph = secundus(protect=protect)
        protected = {r.inputs["name"] for r in graph.resources if r.request.protect}
        assert protected == {"secundus-vision-result-bucket" for _ in protect}


@pytest.mark.parametrize(
    ("approved", "inputs"),
    [(None, {}), ([DIGEST, NEXT], {"approvedDigests": sorted([DIGEST, NEXT])})],
    ids=["any image", "approved images"],
)
def test_the_approved_images_are_an_input_of_the_company(
    secundus: Deploy, approved: list[str] | None, inputs: dict[str, object]
) -> None:
    """No resource has them, and a review of a preview must show them."""
    configured = {} if approved is None else {"approvedDigests": approved}
    assert secundus(**configured).one("Secundus").inputs == inputs


def test_without_a_wait_nothing_remembers_when_the_grants_were_made(secundus: Deploy) -> None:
    """A stack of an earlier version gets no new resource."""
    assert [each.name for each in secundus().all("Stash")] == ["region"]


@pytest.mark.parametrize(
    ("age", "waits"),
    [(0, [300.0]), (100, [200.0]), (1000, [])],
    ids=["new", "half way", "old"],
)
def test_the_machine_waits_until_its_grants_are_old_enough(
    secundus: Deploy,
    monkeypatch: pytest.MonkeyPatch,
    age: int,
    waits: list[float],
) -> None:
    """Only the update that makes them waits: the state holds when that was."""
    slept: list[float] = []
    now = 1_800_000_000.0
    moments = iter([now - age])

    async def sleep(seconds: float) -> None:
        slept.append(seconds)

    monkeypatch.setattr("infra.components.grant_wait.sleep", sleep)
    monkeypatch.setattr("infra.components.grant_wait.time", lambda: next(moments, now))
    graph = secundus(grantWait="300")
    assert slept == waits
    granted = graph.one("Stash", "secundus-granted-workload-sa")
    members = {each.urn for each in graph.all("IAMMember") + graph.all("BucketIAMMember")}
    assert members <= granted.dependencies
    assert granted.urn in graph.one("Instance").dependencies


def test_the_grants_of_another_account_are_waited_for_again(secundus: Deploy) -> None:
    """They are other grants."""
    email = "other-sa@secundus-vision.iam.gserviceaccount.com"
    graph = secundus(
        grantWait="1",
        names={"serviceAccount": "other-sa"},
        peer={"handover": {**HANDOVER, "operatorAccount": email}},
    )
    assert [each.name for each in graph.all("Stash")] == ["region", "secundus-granted-other-sa"]


@pytest.mark.parametrize(
    ("changes", "versioning", "days"),
    [
        ({}, None, []),
        ({"keepRuns": "30"}, {"enabled": True}, [30, 1]),
        ({"keepRuns": "0"}, {"enabled": False}, []),
    ],
    ids=["unset", "kept", "not any more"],
)
def test_only_the_result_bucket_keeps_what_is_overwritten(
    secundus: Deploy,
    changes: dict[str, str],
    versioning: dict[str, bool] | None,
    days: list[int],
) -> None:
    """For some days, and a run's parts for one; without the key, a bucket stays as it is."""
    graph = secundus(**changes)
    results = graph.one("Bucket", "secundus-result").inputs
    assert results.get("versioning") == versioning
    rules = results.get("lifecycleRules", [])
    assert [each["condition"]["daysSinceNoncurrentTime"] for each in rules] == days
    pictures = graph.one("Bucket", "secundus-input").inputs
    assert not {"versioning", "lifecycleRules"} & pictures.keys()
