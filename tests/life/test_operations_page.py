"""Every command of docs/operations.md, in its order, on the real engine and the local cloud.

A block of the page says who types it: ```sh primus, or ```sh secundus. `exit N` behind that is the
exit code of its last command; without it, every command must succeed.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, NamedTuple

import pytest

from rehearsal.repository import REPOSITORY
from tests.engine.deployed_stacks import of_working_tree, type_line

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    from tests.engine.deployed_stacks import Deployed

pytestmark = pytest.mark.engine

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


def _a_run(deployed: Deployed, printed: str) -> None:
    assert "predicted" in printed
    assert "result" in deployed.local.cloud.buckets["secundus-vision-result-bucket"].objects


def _the_end(deployed: Deployed, _: str) -> None:
    cloud = deployed.local.cloud
    assert not cloud.instances
    assert {each.project for each in cloud.buckets.values()} <= {"primus-models"}


AFTERWARDS: Final[Mapping[str, Callable[[Deployed, str], None]]] = {
    "A run": _a_run,
    "The end": _the_end,
}
"""What is true after each block of a section; the function gets what the block printed."""


@pytest.mark.timeout(900)
def test_the_page_can_be_followed_from_the_first_deployment_to_the_end(deployed: Deployed) -> None:
    """Nothing of both companies is left then, but the pool's reserved id."""
    for block in blocks(PAGE):
        printed = type_line(
            deployed.workspace,
            block.company,
            block.commands,
            code=block.code,
            PYTHONPATH=str(REPOSITORY),
        )
        if (check := AFTERWARDS.get(block.heading)) is not None:
            check(deployed, printed)
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
