"""Somebody changes by hand what the stacks deployed: who sees it, and what repairs it.

The tests share one deployment; each leaves it as it was deployed.
"""

from __future__ import annotations

import copy
import json
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest
from google.oauth2.credentials import Credentials

from infra.attestation.release_policy import AND
from ops.audit.command import findings
from ops.audit.finding import AUDITORS_ROLES, Kind
from ops.google_api import GoogleApi
from ops.stack_state import deployed as state_of
from rehearsal.administrator import Admin
from rehearsal.cloud.state import Cloud, Pool, Provider, StoredObject
from tests.engine.deployed_stacks import configure, of_working_tree, run, run_own
from tests.engine.pinned import PINNED, push

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from ops.stack_state import Deployed as Resource
    from tests.engine.deployed_stacks import Deployed

pytestmark = [pytest.mark.engine, pytest.mark.timeout(300)]

AUDITOR = "user:auditor@example.com"
MALLORY = "user:mallory@example.com"
READER = "primus-sa@primus-models.iam.gserviceaccount.com"
WORKLOAD = "workload-sa@secundus-vision.iam.gserviceaccount.com"
PROJECTS = {"primus": "primus-models", "secundus": "secundus-vision"}
MODELS = "primus-models-model-bucket"
INPUT, RESULTS = "secundus-vision-input-bucket", "secundus-vision-result-bucket"
PARTS = ("buckets", "service_accounts", "pools", "providers", "projects", "instances")
"""Of the cloud, what a test changes."""


class Audited(NamedTuple):
    """Both companies, and the state of each stack."""

    deployed: Deployed
    resources: dict[str, tuple[Resource, ...]]

    @property
    def cloud(self) -> Cloud:
        """The state of the local cloud."""
        return self.deployed.local.cloud


@pytest.fixture(scope="module")
def audited(tmp_path_factory: pytest.TempPathFactory, pulumi_cli: Path) -> Iterator[Audited]:
    """No image is built and no machine boots; the auditor has the documented roles."""
    with of_working_tree(tmp_path_factory.mktemp("drift"), pulumi_cli) as deployed:
        deployed.local.machines.boot = False
        workspace = deployed.workspace
        workspace.create_stacks()
        configure(workspace, "primus", {"image.digest": PINNED})
        for company in PROJECTS:
            run(workspace, company, "up", "--yes", "--skip-preview")
            push(deployed.local.cloud)
        for project in deployed.local.cloud.projects.values():
            project.policy.bindings += [
                {"role": role, "members": [AUDITOR]} for role in AUDITORS_ROLES
            ]
        yield Audited(
            deployed, {each: state_of(each, workspace.environment(each)) for each in PROJECTS}
        )


@contextmanager
def by_hand(cloud: Cloud, change: Callable[[Cloud], object]) -> Iterator[None]:
    """Something is changed, and is afterwards as before."""
    before = {part: copy.deepcopy(getattr(cloud, part)) for part in PARTS}
    try:
        change(cloud)
        yield
    finally:
        for part, value in before.items():
            setattr(cloud, part, value)


def found(
    audited: Audited, monkeypatch: pytest.MonkeyPatch, company: str, member: str = AUDITOR
) -> dict[Kind, list[str]]:
    """What an audit says, by kind; everything but an administrator has a cure."""
    for name, value in audited.deployed.local.environment().items():
        monkeypatch.setenv(name, value)
    api = GoogleApi(Credentials(audited.cloud.mint(member)))  # type: ignore[no-untyped-call]
    result: dict[Kind, list[str]] = {kind: [] for kind in Kind}
    for each in findings(api, audited.resources[company], PROJECTS[company]):
        result[each.kind].append(each.what)
        assert each.fix or each.kind is Kind.ADMINISTRATOR
    return result


@pytest.mark.parametrize("company", PROJECTS)
def test_a_deployment_that_nobody_touched_has_no_difference(
    audited: Audited, monkeypatch: pytest.MonkeyPatch, company: str
) -> None:
    """Those who may change it by their role are listed, and are no difference."""
    result = found(audited, monkeypatch, company)
    assert result[Kind.DIFFERENCE] == []
    assert result[Kind.NOT_READ] == []
    (deployer,) = {each.partition(" ")[0] for each in result[Kind.ADMINISTRATOR]}
    assert deployer == f"user:deployer@{company}.example"


def provider(cloud: Cloud) -> Provider:
    """The one that the stack made."""
    (own,) = (each for each in cloud.providers.values() if each.name.endswith("-provider"))
    return own


def second_provider(cloud: Cloud) -> None:
    """As somebody with the console would make it."""
    own = provider(cloud)
    name = f"{own.pool}/providers/another"
    cloud.providers[name] = Provider(name, own.pool, {"attributeCondition": "true"})


def grant(policy: Any, role: str, member: str = MALLORY, **condition: Any) -> None:
    """One more grant."""
    policy.bindings.append({"role": role, "members": [member], **condition})


def foreign_pool(cloud: Cloud) -> None:
    """A pool of another name, whose identities may act as the reader."""
    name = "projects/111111111111/locations/global/workloadIdentityPools/other"
    cloud.pools[name] = Pool(name, "primus-models", {})
    member = f"principalSet://iam.googleapis.com/{name}/*"
    grant(cloud.service_accounts[READER].policy, "roles/iam.workloadIdentityUser", member)


def another_object(cloud: Cloud) -> None:
    """Beside the model."""
    stored = next(iter(cloud.buckets[MODELS].objects.values()))
    cloud.buckets[MODELS].objects["x"] = StoredObject({**stored.meta, "name": "x"}, b"x")


DRIFT: dict[str, tuple[str, Callable[[Cloud], object], str]] = {
    "a second provider": ("primus", second_provider, "has another provider, another"),
    "the condition": (
        "primus",
        lambda cloud: provider(cloud).doc.update(attributeCondition="assertion.swname != ''"),
        "attributeCondition of the provider primus-wip-provider was changed by hand",
    ),
    "the mapping": (
        "primus",
        lambda cloud: provider(cloud).doc.update(attributeMapping={"google.subject": "'x'"}),
        "attributeMapping of the provider",
    ),
    "the issuer": (
        "primus",
        lambda cloud: provider(cloud).doc["oidc"].update(issuerUri="https://evil.example"),
        "oidc of the provider",
    ),
    "keys of somebody": (
        "primus",
        lambda cloud: provider(cloud).doc["oidc"].update(jwksJson="{}"),
        "oidc of the provider",
    ),
    "a disabled provider": (
        "primus",
        lambda cloud: provider(cloud).doc.update(disabled=True),
        "disabled of the provider",
    ),
    "no provider": (
        "primus",
        lambda cloud: cloud.providers.pop(provider(cloud).name),
        "the provider primus-wip-provider is gone",
    ),
    "a key of the reader": (
        "primus",
        lambda cloud: cloud.service_accounts[READER].keys.append("0a1b"),
        f"the account {READER} has a key of its own, 0a1b",
    ),
    "a disabled reader": (
        "primus",
        lambda cloud: setattr(cloud.service_accounts[READER], "disabled", True),
        f"the account {READER} is disabled",
    ),
    "no reader": (
        "primus",
        lambda cloud: cloud.service_accounts.pop(READER),
        f"the account {READER} is gone",
    ),
    "somebody acts as the reader": (
        "primus",
        lambda cloud: grant(
            cloud.service_accounts[READER].policy, "roles/iam.serviceAccountTokenCreator"
        ),
        f"{MALLORY} has roles/iam.serviceAccountTokenCreator on the account {READER}",
    ),
    "another pool acts as the reader": (
        "primus",
        foreign_pool,
        "workloadIdentityPools/other/* has roles/iam.workloadIdentityUser on the account",
    ),
    "somebody reads the bucket": (
        "primus",
        lambda cloud: grant(cloud.buckets[MODELS].policy, "roles/storage.objectViewer"),
        f"{MALLORY} has roles/storage.objectViewer on the bucket {MODELS}",
    ),
    "the reader reads more": (
        "primus",
        lambda cloud: grant(
            cloud.buckets[MODELS].policy,
            "roles/storage.objectViewer",
            f"serviceAccount:{READER}",
            condition={"title": "all", "expression": "true"},
        ),
        f"serviceAccount:{READER} has roles/storage.objectViewer on the bucket {MODELS}, and",
    ),
    "everybody reads the bucket": (
        "primus",
        lambda cloud: grant(cloud.buckets[MODELS].policy, "roles/storage.objectViewer", "allUsers"),
        f"allUsers has roles/storage.objectViewer on the bucket {MODELS}",
    ),
    "a role on the project": (
        "primus",
        lambda cloud: grant(
            cloud.projects["primus-models"].policy, "roles/iam.serviceAccountTokenCreator"
        ),
        f"{MALLORY} has roles/iam.serviceAccountTokenCreator on the project primus-models",
    ),
    "a grant is gone": (
        "primus",
        lambda cloud: cloud.service_accounts[READER].policy.bindings.clear(),
        f"has no longer roles/iam.workloadIdentityUser on the account {READER}",
    ),
    "another object": ("primus", another_object, f"gs://{MODELS}/x is not what the stack stored"),
    "another model": (
        "primus",
        lambda cloud: next(iter(cloud.buckets[MODELS].objects.values())).meta.update(md5Hash="x"),
        "model.tar.gz is not what the stack stored",
    ),
    "no model": (
        "primus",
        lambda cloud: cloud.buckets[MODELS].objects.clear(),
        "model.tar.gz is gone",
    ),
    "a public bucket": (
        "secundus",
        lambda cloud: (
            cloud.buckets["secundus-vision-input-bucket"]
            .meta["iamConfiguration"]
            .update(publicAccessPrevention="inherited")
        ),
        "the bucket secundus-vision-input-bucket may be made public",
    ),
    "grants on objects": (
        "secundus",
        lambda cloud: (
            cloud.buckets["secundus-vision-result-bucket"]
            .meta["iamConfiguration"]
            .update(uniformBucketLevelAccess={"enabled": False})
        ),
        "the bucket secundus-vision-result-bucket takes grants on single objects",
    ),
    "names of new pictures for others": (
        "secundus",
        lambda cloud: cloud.buckets["secundus-vision-input-bucket"].notifications.update(
            {"7": {"id": "7", "topic": "//pubsub.googleapis.com/projects/eve/topics/x"}}
        ),
        "the bucket secundus-vision-input-bucket announces its objects to projects/eve/topics/x",
    ),
    "somebody starts machines": (
        "secundus",
        lambda cloud: grant(
            cloud.service_accounts[WORKLOAD].policy, "roles/iam.serviceAccountUser"
        ),
        f"{MALLORY} has roles/iam.serviceAccountUser on the account {WORKLOAD}",
    ),
    "no machine": (
        "secundus",
        lambda cloud: cloud.instances.clear(),
        "the machine workload-vm is gone",
    ),
    "metadata": (
        "secundus",
        lambda cloud: (
            next(iter(cloud.instances.values()))
            .doc["metadata"]["items"]
            .append({"key": "tee-cmd", "value": "[]"})
        ),
        "metadata of the machine workload-vm was changed by hand: tee-cmd",
    ),
}


@pytest.mark.parametrize(("company", "change", "said"), DRIFT.values(), ids=DRIFT)
def test_an_audit_names_each_change_by_hand(
    audited: Audited,
    monkeypatch: pytest.MonkeyPatch,
    company: str,
    change: Callable[[Cloud], object],
    said: str,
) -> None:
    """And nothing else, so that one finding hides no other."""
    with by_hand(audited.cloud, change):
        result = found(audited, monkeypatch, company)[Kind.DIFFERENCE]
    assert [each for each in result if said in each], result
    if said.endswith("is gone") and "account" in said:
        return  # its policy cannot be read, and its grants are gone, too
    assert len(result) == 1, result


def test_what_the_auditor_may_not_read_is_said(
    audited: Audited, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not read is not the same as no difference; the roles that are missing are named."""
    result = found(audited, monkeypatch, "primus", MALLORY)
    assert result[Kind.DIFFERENCE] == []
    assert len(result[Kind.NOT_READ]) == 9


def test_a_refresh_shows_what_the_stack_manages_and_up_repairs_it(audited: Audited) -> None:
    """The review says it in words; what the stack does not manage stays for the audit."""
    workspace, cloud = audited.deployed.workspace, audited.cloud
    right = provider(cloud).doc["attributeCondition"]
    (clause,) = (line for line in right.split(AND) if "secboot" in line)
    provider(cloud).doc["attributeCondition"] = right.replace(f"{AND}{clause}", "")
    cloud.service_accounts[READER].policy.bindings.clear()
    cloud.instances.clear()
    second_provider(cloud)
    for company, words in {
        "primus": ("secure boot", "may act as"),
        "secundus": ("machine",),
    }.items():
        shown = run_own(workspace, company, "review", "--stack", company, "--refresh")
        assert all(each in shown.lower() for each in words), shown
        run(workspace, company, "up", "--refresh", "--yes", "--skip-preview")
    assert provider(cloud).doc["attributeCondition"] == right
    assert cloud.service_accounts[READER].policy.bindings
    assert len(cloud.instances) == 1
    done = Admin(workspace.environment("primus"))
    pool = provider(cloud).pool
    done.call("DELETE", f"iam.googleapis.com/v1/{pool}/providers/another")
    run(workspace, "primus", "preview", "--refresh", "--expect-no-changes")


def provider_by_name(cloud: Cloud) -> Provider:
    """The one that the stack made, beside others."""
    (own,) = (
        each for name, each in cloud.providers.items() if name.endswith("primus-wip-provider")
    )
    return own


def test_the_command_ends_by_what_it_found(audited: Audited) -> None:
    """0 for no difference, 1 for one, 2 for what it could not read; also as data."""
    workspace, cloud = audited.deployed.workspace, audited.cloud
    deployer = "user:deployer@primus.example"
    cloud.projects["primus-models"].policy.bindings += [
        {"role": role, "members": [deployer]} for role in AUDITORS_ROLES
    ]
    assert "The cloud is as the stack deployed it" in run_own(workspace, "primus", "audit")
    cloud.service_accounts[READER].keys.append("0a1b")
    found = json.loads(run_own(workspace, "primus", "audit", "--json", code=1))
    (difference,) = (each for each in found if each["kind"] == "difference")
    assert "keys delete 0a1b" in difference["fix"]
    cloud.service_accounts[READER].keys.clear()
