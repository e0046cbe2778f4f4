"""Every command of docs/operations.md, in its order, on the real engine and the local cloud.

A block of the page says who types it: ```sh primus, or ```sh secundus. `exit N` behind that is the
exit code of its last command; without it, every command must succeed.
"""

from __future__ import annotations

import re
from collections import Counter
from typing import TYPE_CHECKING, Final, NamedTuple

import pytest

from rehearsal.repository import REPOSITORY
from tests.engine.deployed_stacks import of_working_tree, type_line

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    from rehearsal.cloud.state import Cloud
    from tests.engine.deployed_stacks import Deployed

pytestmark = pytest.mark.engine

PRIMUS: Final = "primus-models"
PAGE: Final = (REPOSITORY / "docs" / "operations.md").read_text()


class Block(NamedTuple):
    """The commands of a block, and where they are."""

    heading: str
    company: str
    code: int
    commands: str


def blocks(page: str) -> Iterator[Block]:
    """Those that somebody types, in the order of the page."""
    heading = ""
    found = r"^## ([^\n]+)$|^```sh (primus|secundus)(?: exit (\d))?\n(.*?)^```$"
    for title, company, code, commands in re.findall(found, page, re.MULTILINE | re.DOTALL):
        heading = title or heading
        if company:
            yield Block(heading, company, int(code or 0), commands)


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


def a_run(deployed: Deployed, printed: str) -> None:
    """It answered, and its answers are of this run."""
    assert "predicted" in printed
    assert "result" in deployed.local.cloud.buckets["secundus-vision-result-bucket"].objects


def nobody_is_admitted(deployed: Deployed, _: str) -> None:
    """By none of the four ways."""
    assert stopped(deployed.local.cloud) == (True, True, 0, 0)


def the_operator_is_admitted(deployed: Deployed, _: str) -> None:
    """Everything is again as it was."""
    assert stopped(deployed.local.cloud) == (False, False, 1, 1)


def no_machine(deployed: Deployed, _: str) -> None:
    """Nothing of Secundus is left."""
    cloud = deployed.local.cloud
    assert not cloud.instances
    assert {each.project for each in cloud.buckets.values()} <= {PRIMUS}


AFTERWARDS: Final[Mapping[tuple[str, int], Callable[[Deployed, str], None]]] = {
    ("First deployment", 1): the_operator_is_admitted,
    ("A run", 1): a_run,
    ("Stop in an emergency", 1): nobody_is_admitted,
    ("Stop in an emergency", 2): nobody_is_admitted,
    ("Stop in an emergency", 3): the_operator_is_admitted,
    ("Stop in an emergency", 4): a_run,
    ("The end", 1): no_machine,
}
"""What is true after a block of a section; the function gets what the block printed."""


@pytest.mark.timeout(900)
def test_the_page_can_be_followed_from_the_first_deployment_to_the_end(deployed: Deployed) -> None:
    """Nothing of both companies is left then, but the pool's reserved id."""
    typed: Counter[str] = Counter()
    left = dict(AFTERWARDS)
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
            check(deployed, printed)
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
