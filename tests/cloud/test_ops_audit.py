"""`confidential-inference audit` of a small state against the local cloud, without the engine.

`tests/life/test_drift.py` has every change by hand, on what the engine deployed.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from google.oauth2.credentials import Credentials

from ops.audit import command
from ops.audit.command import findings
from ops.audit.finding import AUDITORS_ROLES, Finding, Kind
from ops.cli import main
from ops.exit_codes import BROKEN, OK, UNUSABLE
from ops.google_api import GoogleApi
from ops.pulumi_command import StackError
from ops.stack_state import Deployed
from rehearsal.cloud.state import Instance, Pool, Provider, Repository
from tests.cloud.conftest import OWNER, READER

if TYPE_CHECKING:
    from collections.abc import Callable

    from google.cloud.storage import Client

    from rehearsal.cloud.state import Cloud

AUDITOR = "user:auditor@example.com"
PROJECT = "primus-models"
POOL = f"projects/{'1' * 12}/locations/global/workloadIdentityPools/p"
PROVIDER = f"{POOL}/providers/own"
MACHINE = f"projects/{PROJECT}/zones/us-west1-b/instances/m"
IMAGES = f"projects/{PROJECT}/locations/us-west1/repositories/images"
DOC = {"attributeCondition": "assertion.x == 1", "oidc": {"issuerUri": "https://i"}}
VIEWER, USER = "roles/storage.objectViewer", "roles/iam.workloadIdentityUser"
ACTS = f"principalSet://iam.googleapis.com/{POOL}/attribute.image_digest/sha256:a"
READS = f"serviceAccount:{READER}"
ACCOUNT = f"projects/{PROJECT}/serviceAccounts/{READER}"


def resource(kind: str, identity: str, **properties: Any) -> Deployed:
    """One resource of a state."""
    return Deployed(type=f"gcp:x/y:{kind}", name="any", id=identity, properties=properties)


STATE = (
    Deployed(type="gcp:storage/bucket:Bucket", name="primus-model", id="models"),
    Deployed(
        type="gcp:storage/bucketObject:BucketObject",
        name="primus-model-a",
        id="models-a",
        properties={"bucket": "models", "name": "a", "md5hash": "DMF1ucDxtqgxw5niaXcmYQ=="},
    ),
    resource("Account", ACCOUNT, name=ACCOUNT),
    resource("Repository", IMAGES),
    resource("WorkloadIdentityPoolProvider", PROVIDER, name=PROVIDER, **DOC),
    Deployed(
        type="gcp:compute/instance:Instance",
        name="m",
        id=MACHINE,
        properties={"metadata": {"a": "b"}},
    ),
    resource(
        "BucketIAMMember",
        "x",
        bucket="b/models",
        role=VIEWER,
        member=f"serviceAccount:{READER}",
    ),
    resource("IAMMember", "x", serviceAccountId=ACCOUNT, role=USER, member=ACTS),
)


@pytest.fixture
def deployed(cloud: Cloud, owner: Client) -> Cloud:
    """The cloud is as the state says; Google's default grants are on the bucket, too."""
    project = cloud.projects[PROJECT]
    for name in ("artifactregistry", "cloudresourcemanager", "compute", "iam", "storage"):
        project.services.add(f"{name}.googleapis.com")
    project.policy.bindings += [{"role": role, "members": [AUDITOR]} for role in AUDITORS_ROLES]
    bucket = owner.create_bucket("models", location="us-west1")
    bucket.blob("a").upload_from_string("a")
    stored = cloud.buckets["models"]
    stored.meta["iamConfiguration"] = {
        "publicAccessPrevention": "enforced",
        "uniformBucketLevelAccess": {"enabled": True},
    }
    member = f"serviceAccount:{READER}"
    stored.policy.bindings.append({"role": VIEWER, "members": [member]})
    cloud.service_accounts[READER].policy.bindings = [{"role": USER, "members": [ACTS]}]
    cloud.pools[POOL] = Pool(POOL, PROJECT, {})
    cloud.providers[PROVIDER] = Provider(PROVIDER, POOL, json.loads(json.dumps(DOC)))
    cloud.repositories[IMAGES] = Repository(IMAGES, PROJECT, {})
    items = {"metadata": {"items": [{"key": "a", "value": "b"}]}, "disks": []}
    cloud.instances[MACHINE] = Instance("1", PROJECT, "us-west1-b", "m", items)
    return cloud


def found(cloud: Cloud, member: str = AUDITOR) -> dict[Kind, list[str]]:
    """What an audit says, by kind."""
    api = GoogleApi(Credentials(cloud.mint(member)))  # type: ignore[no-untyped-call]  # untyped
    result: dict[Kind, list[str]] = {kind: [] for kind in Kind}
    for each in findings(api, STATE, PROJECT):
        result[each.kind].append(each.what)
    return result


def test_a_cloud_that_is_as_the_state_has_no_difference(deployed: Cloud) -> None:
    """Google's default grants on a bucket are none; an administrator is listed."""
    result = found(deployed)
    assert result[Kind.DIFFERENCE] == result[Kind.NOT_READ] == []
    assert result[Kind.ADMINISTRATOR] == [
        f"{OWNER} has roles/storage.admin on the project {PROJECT}"
    ]


CHANGES: dict[str, tuple[Callable[[Cloud], object], str]] = {
    "provider gone": (lambda cloud: cloud.providers.clear(), "the provider own is gone"),
    "account gone": (lambda cloud: cloud.service_accounts.pop(READER), f"account {READER} is gone"),
    "account disabled": (
        lambda cloud: setattr(cloud.service_accounts[READER], "disabled", True),
        "is disabled",
    ),
    "a key": (lambda cloud: cloud.service_accounts[READER].keys.append("k"), "a key of its own, k"),
    "a long condition": (
        lambda cloud: cloud.providers[PROVIDER].doc.update(attributeCondition="x" * 500),
        "x…, deployed was assertion.x == 1",
    ),
    "a condition gone": (
        lambda cloud: cloud.providers[PROVIDER].doc.pop("attributeCondition"),
        "got nothing, deployed was",
    ),
    "open bucket": (
        lambda cloud: cloud.buckets["models"].meta.update(
            iamConfiguration={"publicAccessPrevention": "inherited"}
        ),
        "may be made public",
    ),
    "object gone": (lambda cloud: cloud.buckets["models"].objects.clear(), "models/a is gone"),
    "machine gone": (lambda cloud: cloud.instances.clear(), "the machine m is gone"),
    "metadata": (
        lambda cloud: cloud.instances[MACHINE].doc["metadata"].update(items=[]),
        "was changed by hand: a",
    ),
    "a role on the project": (
        lambda cloud: cloud.projects[PROJECT].policy.bindings.append(
            {"role": VIEWER, "members": ["allUsers"]}
        ),
        "allUsers has roles/storage.objectViewer on the project",
    ),
    "a conditional grant": (
        lambda cloud: cloud.buckets["models"].policy.bindings.append(
            {"role": VIEWER, "members": ["allUsers"], "condition": {"expression": "true"}}
        ),
        "allUsers has roles/storage.objectViewer on the bucket models",
    ),
    "a grant gone": (
        lambda cloud: cloud.service_accounts[READER].policy.bindings.clear(),
        "has no longer roles/iam.workloadIdentityUser",
    ),
}


@pytest.mark.parametrize(("change", "said"), CHANGES.values(), ids=CHANGES)
def test_a_change_by_hand_is_a_difference(
    deployed: Cloud, change: Callable[[Cloud], object], said: str
) -> None:
    """With the words for people."""
    change(deployed)
    assert [each for each in found(deployed)[Kind.DIFFERENCE] if said in each]


def test_nothing_is_known_to_somebody_without_roles(deployed: Cloud) -> None:
    """Each question that Google refused is named."""
    result = found(deployed, "user:nobody@example.com")
    assert result[Kind.DIFFERENCE] == result[Kind.ADMINISTRATOR] == []
    assert len(result[Kind.NOT_READ]) == 10


def run(monkeypatch: pytest.MonkeyPatch, cloud: Cloud, member: str, *options: str) -> int:
    """The command's exit code; no engine."""
    monkeypatch.setenv("GOOGLE_OAUTH_ACCESS_TOKEN", cloud.mint(member))
    monkeypatch.setattr(command, "configuration", lambda *_: {"project": PROJECT})
    monkeypatch.setattr(command, "deployed", lambda *_: STATE)
    return main(["audit", *options])


def test_the_command_prints_by_what_it_found(
    deployed: Cloud, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """0 for none, 1 for a difference with its cure, 2 for what it could not read."""
    assert run(monkeypatch, deployed, AUDITOR) == OK
    assert "✓ The cloud is as the stack deployed it." in capsys.readouterr().out
    deployed.instances.clear()
    assert run(monkeypatch, deployed, AUDITOR, "--stack", "primus-eu") == BROKEN
    assert "fix: pulumi up --refresh --stack primus-eu" in capsys.readouterr().out
    assert run(monkeypatch, deployed, AUDITOR, "--json") == BROKEN
    assert {each["kind"] for each in json.loads(capsys.readouterr().out)} == {
        "administrator",
        "difference",
    }
    assert run(monkeypatch, deployed, "user:nobody@example.com") == UNUSABLE
    assert "fix: grant roles/compute.viewer" in capsys.readouterr().out


def test_what_is_being_replaced_is_shown_and_is_no_difference(
    deployed: Cloud, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """And the cloud is not called as deployed."""
    pending = Finding(kind=Kind.PENDING, what="the machine m is not yet replaced")
    monkeypatch.setattr(command, "findings", lambda *_: [pending])
    assert run(monkeypatch, deployed, AUDITOR) == OK
    assert capsys.readouterr().out == "… the machine m is not yet replaced\n"


@pytest.mark.parametrize("stack", ["tertius", "primus"])
def test_what_is_not_deployed_cannot_be_audited(
    deployed: Cloud, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], stack: str
) -> None:
    """No such company, or an empty state."""
    monkeypatch.setattr(command, "configuration", lambda *_: {"project": PROJECT})
    monkeypatch.setattr(command, "deployed", lambda *_: ())
    assert main(["audit", "--stack", stack]) == UNUSABLE
    assert deployed.projects
    assert capsys.readouterr().err.startswith("error: ")


def test_a_stack_that_pulumi_does_not_know_cannot_be_audited(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Its words are passed on."""

    def unknown(*_: object) -> None:
        raise StackError("no stack named 'primus' found")

    monkeypatch.setattr(command, "configuration", unknown)
    assert main(["audit"]) == UNUSABLE
    assert "no stack named" in capsys.readouterr().err
