"""Every command of docs/operations.md, in its order, on the real engine and the local cloud."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

import pytest

from rehearsal.administrator import Admin
from rehearsal.attacks.deployment import claims_of, token
from rehearsal.repository import REPOSITORY
from tests.engine.deployed_stacks import of_working_tree, type_line
from tests.engine.page_blocks import Block, blocks

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    from rehearsal.cloud.state import Cloud
    from tests.engine.deployed_stacks import Deployed

pytestmark = pytest.mark.engine

PRIMUS: Final = "primus-models"
PAGE: Final = (REPOSITORY / "docs" / "operations.md").read_text()


@pytest.fixture(scope="module")
def deployed(tmp_path_factory: pytest.TempPathFactory, pulumi_cli: Path) -> Iterator[Deployed]:
    """The program, a cloud with the two companies' projects, and no stack yet."""
    with of_working_tree(tmp_path_factory.mktemp("life"), pulumi_cli) as deployed:
        yield deployed


def stopped(cloud: Cloud) -> tuple[bool, bool, int, int]:
    """Provider disabled; reader disabled; grants to act as it; grants on the model bucket."""
    (provider,) = (each for each in cloud.providers.values() if each.deleted_at is None)
    (reader,) = (each for each in cloud.service_accounts.values() if each.project == PRIMUS)
    readers = cloud.buckets["primus-models-model-bucket"].policy.members(
        "roles/storage.objectViewer"
    )
    grants = sum(len(each["members"]) for each in reader.policy.bindings)
    return bool(provider.doc.get("disabled")), reader.disabled, grants, len(readers)


@dataclass
class Life:
    """A deployment, and the attestation token of each machine that it had."""

    deployed: Deployed
    tokens: list[str] = field(default_factory=list)

    @property
    def cloud(self) -> Cloud:
        """The state of the local cloud."""
        return self.deployed.local.cloud

    def exchanged(self, token: str) -> str:
        """The token service's error for a token; empty if it was exchanged."""
        (provider,) = (each for each in self.cloud.providers.values() if each.deleted_at is None)
        form = {
            "grant_type": "urn:ietf:params:oauth:grant-type:token-exchange",
            "audience": f"//iam.googleapis.com/{provider.name}",
            "scope": "https://www.googleapis.com/auth/iam",
            "requested_token_type": "urn:ietf:params:oauth:token-type:access_token",
            "subject_token": token,
            "subject_token_type": "urn:ietf:params:oauth:token-type:jwt",
        }
        session = Admin(self.deployed.workspace.environment("secundus")).session
        answer = session.post("https://sts.googleapis.com/v1/token", form, timeout=30).json()
        return str(answer.get("error", ""))


def a_run(life: Life, printed: str) -> None:
    """The newest machine answered."""
    assert "predicted" in printed
    (machine,) = life.cloud.instances.values()
    life.tokens.append(token(life.cloud, life.deployed.local.issuer, machine))
    assert life.exchanged(life.tokens[-1]) == ""


def two_runs(life: Life, printed: str) -> None:
    """The answers of the first one are kept."""
    a_run(life, printed)
    listed = [line.split()[0] for line in printed.splitlines() if line.endswith("UTC  results")]
    assert listed == ["1", "2"]
    page = (life.deployed.workspace.program / "former-run.html").read_text(encoding="utf-8")
    assert '<img src="data:image/webp' in page


def a_run_on_tdx(life: Life, printed: str) -> None:
    """The new boot image attests the new hardware; the condition takes both."""
    a_run(life, printed)
    before, after = (claims_of(each) for each in life.tokens[-2:])
    assert (before["hwmodel"], after["hwmodel"]) == ("GCP_AMD_SEV", "GCP_INTEL_TDX")
    assert (before["swversion"], after["swversion"]) == (["260900"], ["261000"])


def old_and_new(life: Life, _: str) -> None:
    """The machine of before goes on."""
    assert life.exchanged(life.tokens[-1]) == ""
    (reader,) = (e for e in life.cloud.service_accounts.values() if e.project == PRIMUS)
    assert len(reader.policy.members("roles/iam.workloadIdentityUser")) == 2


def only_the_new(life: Life, _: str) -> None:
    """The machine of before is refused, the new one is not; the model is the admitted one."""
    old, new = life.tokens[-2:]
    assert (life.exchanged(old), life.exchanged(new)) == ("unauthorized_client", "")
    the_operator_is_admitted(life, "")
    assert len(life.cloud.buckets["primus-models-model-bucket"].objects) == 1


def old_and_new_image(life: Life, printed: str) -> None:
    """The command says which is which."""
    assert printed.count("  admitted beside it") == 1
    old_and_new(life, printed)


def old_and_new_model(life: Life, printed: str) -> None:
    """Both are stored, and the machine of before goes on."""
    old_and_new(life, printed)
    assert len(life.cloud.buckets["primus-models-model-bucket"].objects) == 2


def nobody_is_admitted(life: Life, _: str) -> None:
    """By none of the four ways."""
    assert stopped(life.cloud) == (True, True, 0, 0)
    assert life.exchanged(life.tokens[-1]) == "invalid_target"


def the_operator_is_admitted(life: Life, _: str) -> None:
    """Everything is again as it was."""
    assert stopped(life.cloud) == (False, False, 1, 1)


def nothing_of_secundus(life: Life, printed: str) -> None:
    """Primus has not noticed."""
    assert printed.endswith("Nothing is left that costs or admits.\n")
    assert not life.cloud.instances
    assert {each.project for each in life.cloud.buckets.values()} <= {PRIMUS}


AFTERWARDS: Final[Mapping[tuple[str, int], Callable[[Life, str], None]]] = {
    ("First deployment", 1): the_operator_is_admitted,
    ("A run", 1): a_run,
    ("A run", 2): two_runs,
    ("Roll out an image", 1): old_and_new_image,
    ("Roll out an image", 2): a_run,
    ("Roll out an image", 3): only_the_new,
    ("Roll out a model", 1): old_and_new_model,
    ("Roll out a model", 2): a_run,
    ("Roll out a model", 3): only_the_new,
    ("Other changes of the machine", 1): a_run_on_tdx,
    ("Stop in an emergency", 1): nobody_is_admitted,
    ("Stop in an emergency", 2): nobody_is_admitted,
    ("Stop in an emergency", 3): the_operator_is_admitted,
    ("Stop in an emergency", 4): a_run,
    ("The end", 2): nothing_of_secundus,
}
"""What is true after a block of a section; the function gets what the block printed."""


@pytest.mark.timeout(900)
def test_the_page_can_be_followed_from_the_first_deployment_to_the_end(deployed: Deployed) -> None:
    """Nothing of both companies is left then, but the pool's reserved id."""
    typed: Counter[str] = Counter()
    left, life = dict(AFTERWARDS), Life(deployed)
    for block in blocks(PAGE):
        printed = type_line(
            deployed.workspace,
            block.company,
            block.commands,
            code=block.code,
            PYTHONPATH=str(REPOSITORY),
        )
        typed[block.heading] += 1
        if check := left.pop((block.heading, typed[block.heading]), None):
            check(life, printed)
    assert not left, "the page has no such block any more"
    cloud = deployed.local.cloud
    assert not cloud.buckets
    assert not cloud.service_accounts
    assert not [each for each in cloud.providers.values() if each.deleted_at is None]


def test_a_block_says_who_types_it_and_how_it_ends() -> None:
    """The parser of the page can fail: it leaves other blocks out, and counts exit codes."""
    page = (
        "## One\n```sh primus\na\nb\n```\n```text\nc\n```\n## Two\n```sh secundus exit 1\nd\n```\n"
    )
    assert [*blocks(page)] == [
        Block("One", "primus", 0, "a\nb\n"),
        Block("Two", "secundus", 1, "d\n"),
    ]
