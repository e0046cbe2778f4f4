"""The review of previews that the real engine makes, of a changed program and configuration.

Each change is made in a scratch copy, and reviewed by that copy's own code, as on a branch. All of
them are previewed against one deployment.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest

from ops.review import markdown
from rehearsal import revisions
from rehearsal.administrator import Admin
from rehearsal.cloud.http.server import running
from rehearsal.cloud.state import Cloud
from rehearsal.companies import COMPANIES, two_companies
from rehearsal.demo import loosen
from rehearsal.repository import REPOSITORY
from rehearsal.workspace import Workspace
from tests.engine.deployed_stacks import run

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.engine

DIGEST = "sha256:" + "ab" * 32
MORE = "The model can be read by more workloads or people."


@pytest.fixture(scope="module")
def deployed(tmp_path_factory: pytest.TempPathFactory, pulumi_cli: Path) -> Iterator[Workspace]:
    """Both companies, deployed from the working tree; no machine boots."""
    cloud = Cloud()
    two_companies(cloud)
    folder = tmp_path_factory.mktemp("review")
    revisions.copy_working_tree(folder / "program")
    with running(cloud) as local:
        local.machines.boot = False
        workspace = Workspace(folder / "workspace", local, pulumi_cli, program=folder / "program")
        workspace.create_stacks()
        for company in COMPANIES:
            run(workspace, company, "up", "--yes", "--skip-preview")
        yield workspace


@contextmanager
def edited(workspace: Workspace, file: str, old: str, new: str) -> Iterator[None]:
    """The program with one text replaced in one of its files."""
    path = workspace.program / file
    before = path.read_text()
    assert before.count(old) == 1, f"{file} has {before.count(old)} times: {old}"
    path.write_text(before.replace(old, new))
    try:
        yield
    finally:
        path.write_text(before)


@contextmanager
def configured(workspace: Workspace, company: str, *settings: str) -> Iterator[None]:
    """The configuration of a stack with these `KEY=VALUE`."""
    path = workspace.program / f"Pulumi.{company}.yaml"
    before = path.read_text()
    pairs = (setting.partition("=") for setting in settings)
    for key, _, value in pairs:
        run(workspace, company, "config", "set", "--path", f"confidential-inference:{key}", value)
    try:
        yield
    finally:
        path.write_text(before)


def previewed(workspace: Workspace, company: str) -> tuple[str, int]:
    """What `pulumi preview` prints, with the policy pack, and its exit code."""
    done = workspace.pulumi(company, "preview", "--json", "--show-sames", "--policy-pack", "policy")
    return done.stdout, done.returncode


def reviewed(workspace: Workspace, preview: str, *options: str) -> subprocess.CompletedProcess[str]:
    """The review of a preview, by the code of the scratch copy."""
    return subprocess.run(
        [sys.executable, "-m", "ops", "review", "-", *options],
        cwd=workspace.program,
        input=preview,
        capture_output=True,
        text=True,
        check=False,
    )


def review(workspace: Workspace, company: str) -> dict[str, Any]:
    """The review of a preview as data, with the exit codes of the engine and of the command."""
    preview, engine = previewed(workspace, company)
    done = reviewed(workspace, preview, "--json")
    assert done.stdout, done.stderr
    return {**json.loads(done.stdout), "engine": engine, "code": done.returncode}


def sentences(reviewed: dict[str, Any], effect: str) -> list[str]:
    """The sentences of one effect."""
    return [change["sentence"] for change in reviewed["changes"] if change["effect"] == effect]


def test_nothing_changes_without_a_change(deployed: Workspace) -> None:
    """No alarm for either stack, and the engine agrees."""
    for company, verdict in (
        ("primus", "Nothing about the release of the model changes."),
        ("secundus", "Nothing about who can read the pictures and results changes."),
    ):
        found = review(deployed, company)
        assert (found["verdict"], found["alarms"]) == (verdict, [])
        assert (found["engine"], found["code"]) == (0, 0)


def test_an_admitted_digest_is_an_admission(deployed: Workspace) -> None:
    """(a) No alarm: the condition judges the new image like the old one."""
    with configured(deployed, "primus", f"image.admitAlso[0]={DIGEST}"):
        found = review(deployed, "primus")
    assert (found["verdict"], found["alarms"]) == (MORE, [])
    image, grant = sentences(found, "admitted")
    assert image == f"image {DIGEST} is admitted"
    assert grant == (
        f"from now on: the image named in config, {DIGEST}, may act as the model's reader"
        " primus-sa@primus-models.iam.gserviceaccount.com"
    )
    assert (found["engine"], found["code"]) == (0, 0)


DBGSTAT = """        _equal(
            "debugging was off since boot",
            "dbgstat",
            "disabled-since-boot",
            _PRODUCTION,
            "a debug image is admitted, in which the operator can log in",
        ),
"""


def test_a_dropped_clause_is_a_loosening_and_a_violation(deployed: Workspace) -> None:
    """(b) Although the program on the branch does not know the clause any more."""
    with edited(deployed, "infra/attestation/clauses.py", DBGSTAT, ""):
        found = review(deployed, "primus")
    assert found["verdict"] == MORE
    (loosening,) = sentences(found, "LOOSENING")
    assert loosening == (
        "it is no longer required that debugging was off since boot. After this change a debug"
        " image is admitted, in which the operator can log in"
    )
    (violation,) = sentences(found, "VIOLATION")
    assert violation == (
        "release-condition (WorkloadIdentityPoolProvider primus-attestation): got no clause about"
        " dbgstat, expected each clause of the release policy"
    )
    assert (found["engine"], found["code"]) == (1, 1)


def test_inherited_access_prevention_is_a_violation(deployed: Workspace) -> None:
    """(c) Also for the results and pictures of the other company."""
    with edited(
        deployed,
        "infra/components/private_bucket.py",
        'public_access_prevention="enforced"',
        'public_access_prevention="inherited"',
    ):
        for company, buckets in (("primus", 1), ("secundus", 2)):
            found = review(deployed, company)
            assert len(sentences(found, "VIOLATION")) == buckets
            assert all("bucket-private" in each for each in sentences(found, "VIOLATION"))
            assert len(sentences(found, "LOOSENING")) == buckets
            assert found["engine"] != 0
            assert found["code"] == 1


def test_a_comment_changes_nothing(deployed: Workspace) -> None:
    """(d) In the program; the workload's files are another matter."""
    with edited(
        deployed,
        "infra/components/model_release.py",
        "        policy = args.policy(self.audience)",
        "        # A comment.\n        policy = args.policy(self.audience)",
    ):
        found = review(deployed, "primus")
    assert found["verdict"] == "Nothing about the release of the model changes."
    assert (found["difference"], found["code"]) == ([], 0)


def test_a_changed_workload_is_another_image_of_this_commit(deployed: Workspace) -> None:
    """(e) Every other clause is judged, although the condition's text is unknown at preview."""
    with edited(deployed, "workload/job.py", "\nfrom __future__", "\n\nfrom __future__"):
        found = review(deployed, "primus")
        assert found["verdict"] == "The model can be read by other workloads or people."
        assert found["alarms"] == []
        assert "the image that `up` builds from this commit is admitted" in sentences(
            found, "admitted"
        )
        assert [each for each in sentences(found, "retired") if each.startswith("image sha256:")]
        with edited(deployed, "infra/attestation/clauses.py", DBGSTAT, ""):
            worse = review(deployed, "primus")
    assert len(sentences(worse, "LOOSENING")) == 1
    assert worse["code"] == 1


def test_a_move_to_another_region_names_the_data_that_is_lost(deployed: Workspace) -> None:
    """(f) Nobody may lose a model because of one changed word."""
    moved = ("region=us-east1", "acceptLoss=us-east1")
    with configured(deployed, "primus", *moved):
        found = review(deployed, "primus")
    lost = sentences(found, "DATA LOSS")
    assert [each for each in lost if each.startswith("the bucket primus-models-model-bucket is")]
    assert [each for each in lost if each.startswith("the image repository")]
    with configured(deployed, "secundus", "zone=us-east1-b", *moved):
        found = review(deployed, "secundus")
    assert len(sentences(found, "DATA LOSS")) == 2
    assert found["changes"][0]["effect"] == "DATA LOSS"
    assert "the machine workload-vm is replaced" in " ".join(sentences(found, "note"))


def test_a_move_that_nobody_agreed_to_has_no_review(deployed: Workspace) -> None:
    """The program refuses it, so the command says why and exits with 2."""
    with configured(deployed, "primus", "region=us-east1"):
        preview, _ = previewed(deployed, "primus")
    done = reviewed(deployed, preview)
    assert done.returncode == 2
    assert "region: got 'us-east1', expected 'us-west1'" in done.stderr


@pytest.mark.parametrize("condition", ["true", "assertion.swname == 'CONFIDENTIAL_SPACE' || true"])
def test_a_condition_by_hand_cannot_be_judged(deployed: Workspace, condition: str) -> None:
    """(g) It is shown raw, and the policy pack refuses it."""
    with edited(
        deployed,
        "infra/components/model_release.py",
        "attribute_condition=self.attribute_condition",
        f'attribute_condition="{condition}"',
    ):
        found = review(deployed, "primus")
    assert found["verdict"] == "It cannot be judged who can read the model after this change."
    (unjudged,) = (each for each in found["changes"] if each["effect"] == "CANNOT BE JUDGED")
    assert unjudged["details"] == [f"line 1: {condition}"]
    assert found["engine"] != 0
    assert found["code"] == 1


def test_a_condition_of_one_clause_loosens_all_others(deployed: Workspace) -> None:
    """(g) Where the text by hand happens to be a clause of the program."""
    with edited(
        deployed,
        "infra/components/model_release.py",
        "attribute_condition=self.attribute_condition",
        "attribute_condition=\"assertion.swname == 'CONFIDENTIAL_SPACE'\"",
    ):
        found = review(deployed, "primus")
    assert len(sentences(found, "LOOSENING")) == len(sentences(found, "VIOLATION")) == 16


POOL_GRANT = """        self.register_outputs({"audience": self.audience})
"""


def test_a_grant_for_the_whole_pool_is_a_violation(deployed: Workspace) -> None:
    """(h) The condition would still hold; the second guard would be gone."""
    with edited(
        deployed,
        "infra/components/model_release.py",
        POOL_GRANT,
        f"""        gcp.serviceaccount.IAMMember(
            f"{{name}}-pool",
            service_account_id=args.reader,
            role="roles/iam.workloadIdentityUser",
            member=pulumi.Output.format(
                "principalSet://iam.googleapis.com/projects/{{0}}/locations/global"
                "/workloadIdentityPools/{{1}}/*",
                args.project_number,
                pool.workload_identity_pool_id,
            ),
            opts=child,
        )
{POOL_GRANT}""",
    ):
        found = review(deployed, "primus")
    assert found["verdict"] == MORE
    (loosening,) = sentences(found, "LOOSENING")
    assert re.fullmatch(
        r"from now on: every identity of the pool primus-wip-[0-9a-f]{6} may act as the model's"
        r" reader primus-sa@primus-models.iam.gserviceaccount.com",
        loosening,
    )
    for violation, rule in zip(
        sentences(found, "VIOLATION"), ("grant-members", "grant-roles"), strict=True
    ):
        assert violation.startswith(f"{rule} (IAMMember primus-attestation-pool): got ")
    assert found["code"] == 1


def test_a_condition_that_somebody_changed_by_hand_is_shown_after_a_refresh(
    deployed: Workspace,
) -> None:
    """The command makes the preview itself; `up` would put the condition back."""
    state = json.loads(run(deployed, "primus", "stack", "export"))["deployment"]["resources"]
    (provider,) = (each["outputs"] for each in state if each["type"].endswith("PoolProvider"))
    admin = Admin(deployed.environment("primus"))
    try:
        loosen.condition(admin, provider["name"])
        done = subprocess.run(
            [sys.executable, "-m", "ops", "review", "--stack", "primus", "--refresh", "--json"],
            cwd=deployed.program,
            env=deployed.environment("primus"),
            capture_output=True,
            text=True,
            check=False,
        )
    finally:
        url = f"iam.googleapis.com/v1/{provider['name']}?updateMask=attributeCondition"
        admin.call("PATCH", url, {"attributeCondition": provider["attributeCondition"]})
    found = json.loads(done.stdout)
    assert found["verdict"] == "The model can be read by fewer workloads or people."
    assert len(sentences(found, "tightening")) == 16
    assert (found["alarms"], done.returncode) == ([], 0)


PRIMUS = "infra/components/primus.py"
SECUNDUS = "infra/components/secundus.py"
END_OF_PRIMUS = "        self.register_outputs({})"
OF_PRIMUS = "opts=pulumi.ResourceOptions(parent=self)"


@pytest.mark.parametrize(
    ("company", "file", "old", "new", "effect", "sentence"),
    [
        (
            "primus",
            "infra/components/model_release.py",
            'naming.attested("{0}", "{1}", attribute, "{2}")',
            'naming.attested("666666666666", "{1}", attribute, "{2}")',
            "LOOSENING",
            r"identities with .* in the project 666666666666, which is none of this stack, may act",
        ),
        (
            "primus",
            PRIMUS,
            END_OF_PRIMUS,
            (
                '        gcp.storage.BucketObject("x", bucket="eve", name="m",'
                " source=pulumi.FileAsset(str(args.models['model'].path)),"
                f" {OF_PRIMUS})\n{END_OF_PRIMUS}"
            ),
            "LOOSENING",
            "1 file of this machine will be uploaded into the bucket eve, which is none",
        ),
        (
            "primus",
            "infra/components/private_bucket.py",
            "source=pulumi.FileAsset(str(file)),",
            'source=pulumi.FileAsset("Pulumi.yaml"),',
            "DATA LOSS",
            "the content of 1 object in the bucket primus-models-model-bucket is overwritten",
        ),
        (
            "primus",
            "infra/attestation/clauses.py",
            '"a machine is admitted that booted without secure boot",\n            expected=True,',
            '"a machine is admitted that booted without secure boot",\n            expected=False,',
            "CANNOT BE JUDGED",
            "the clause about secboot is another one, and not only its values",
        ),
        (
            "secundus",
            SECUNDUS,
            '"RESULT_URI": resolved["result"],',
            '"RESULT_URI": "gs://eve",',
            "LOOSENING",
            "the machine workload-vm writes its results to gs://eve, which is no bucket of this",
        ),
        (
            "primus",
            "infra/program.py",
            'gcp.Provider("google", project=project)',
            'gcp.Provider("google", project=project, impersonate_service_account="e@x.example")',
            "CANNOT BE JUDGED",
            "the plugin google gets impersonateServiceAccount",
        ),
    ],
    ids=[
        "pool",
        "upload",
        "overwritten",
        "clause",
        "results",
        "plugin",
    ],
)
def test_what_a_careless_or_hostile_change_does_is_an_alarm(
    deployed: Workspace, company: str, file: str, old: str, new: str, effect: str, sentence: str
) -> None:
    """Each of them was once a note, or an admission."""
    with edited(deployed, file, old, new):
        found = review(deployed, company)
    assert effect in found["alarms"]
    assert re.search(sentence, "\n".join(sentences(found, effect)))


def in_the_document(comment: str) -> str:
    """A comment as the document shows it: without what differs from run to run."""
    for pattern, shown in (
        (r"sha256:[0-9a-f]{64}", "sha256:…"),
        (r"/workload:[0-9a-f]{16}", "/workload:…"),
        (r"primus-wip-[0-9a-f]{6}", "primus-wip-…"),
    ):
        comment = re.sub(pattern, shown, comment)
    return comment.strip()


@pytest.mark.parametrize(
    ("change", "heading"),
    [("clause", "A branch that drops a clause"), ("region", "A branch that moves the model")],
)
def test_the_document_shows_what_a_comment_says(
    deployed: Workspace, change: str, heading: str
) -> None:
    """docs/pull-requests.md has the comments of (b) and (f), as they are today."""
    changed = (
        edited(deployed, "infra/attestation/clauses.py", DBGSTAT, "")
        if change == "clause"
        else configured(deployed, "primus", "region=us-east1", "acceptLoss=us-east1")
    )
    with changed:
        preview, _ = previewed(deployed, "primus")
        comment = reviewed(deployed, preview, "--markdown").stdout
    assert comment.splitlines()[0] == markdown.marker("primus")
    assert len(comment) < markdown.LONGEST
    page = (REPOSITORY / "docs" / "pull-requests.md").read_text()
    shown = page.partition(f"### {heading}\n")[2].partition("````markdown\n")[2]
    expected = in_the_document(comment)
    assert shown.partition("\n````")[0] == expected, f"docs/pull-requests.md:\n{expected}"
