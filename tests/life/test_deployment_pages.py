"""Both companies type the pages of a first deployment, to the first result and to the end.

One deployment, on the real engine and the local cloud. docs/deploy-primus.md and
docs/deploy-secundus.md say when one company waits for the other; `TURNS` is that order. Of the
blocks that need Google, only what a later command reads is made here: a pushed image, a log.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

import pytest

from rehearsal.administrator import Admin
from rehearsal.demo import impostor
from rehearsal.image_builder.dockerfile import build
from rehearsal.repository import REPOSITORY
from tests.engine.deployed_stacks import of_working_tree, run, type_line
from tests.engine.page_blocks import Block, blocks

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from tests.engine.deployed_stacks import Deployed

pytestmark = pytest.mark.engine

FIRST, PRIMUS, SECUNDUS = "first-deployment.md", "deploy-primus.md", "deploy-secundus.md"
PAGES: Final = {
    name: (REPOSITORY / "docs" / name).read_text() for name in (FIRST, PRIMUS, SECUNDUS)
}
ATTACK, REFUSED = "The unauthorised run", "When a run was refused"
TURNS: Final = (
    (SECUNDUS, "Tell Primus who you are"),
    (PRIMUS, "Hand over"),
    (SECUNDUS, REFUSED),
    (FIRST, ATTACK),
    (PRIMUS, REFUSED),
    (SECUNDUS, "The end"),
    (PRIMUS, "The end"),
)
"""Which page is followed, up to which section of it; then the next one goes on."""
SENTENCE: Final = "The given credential is rejected by the attribute condition."
PLACEHOLDER: Final = "sha256:…"


def in_turns(
    pages: Mapping[str, Sequence[Block]], turns: Sequence[tuple[str, str]]
) -> Iterator[tuple[str, Block]]:
    """The blocks of all pages, each once; ValueError if a page has no such section any more."""
    left = {page: list(found) for page, found in pages.items()}
    for page, last in turns:
        headings = [block.heading for block in left[page]]
        if last not in headings:
            raise ValueError(f"{page} has no commands under {last!r}")
        end = len(headings) - headings[::-1].index(last)
        yield from ((page, block) for block in left[page][:end])
        left[page] = left[page][end:]
    if any(left.values()):
        raise ValueError(f"nobody's turn: {left}")


def admitted_digest(deployed: Deployed) -> str:
    """What a person copies from Primus' file."""
    handover = run(deployed.workspace, "primus", "stack", "output", "handover", "--json")
    (digest,) = re.findall("workload@(sha256:[0-9a-f]{64})", handover)
    return str(digest)


def pushed_digest(deployed: Deployed) -> str:
    """The page's changed workload, in a repository of Secundus' own: by gcloud and Docker there."""
    folder = deployed.workspace.program.parent / "changed-workload"
    image = build(folder, folder / "Dockerfile", {"SOURCE_DATE_EPOCH": "0"})
    (machine,) = deployed.local.cloud.instances.values()
    admin = Admin(deployed.workspace.environment("secundus"))
    return impostor.publish(admin, image, machine.service_account or "").partition("@")[2]


def typed(deployed: Deployed, block: Block) -> str:
    """What the commands of a block print."""
    commands = block.commands
    if PLACEHOLDER in commands:
        of_another = impostor.REPOSITORY in commands
        digest = pushed_digest(deployed) if of_another else admitted_digest(deployed)
        commands = commands.replace(PLACEHOLDER, digest)
    if block.company == "secundus" and "launcher.json" in commands:  # she hands it to Primus
        (machine,) = deployed.local.cloud.instances.values()
        (deployed.workspace.program / "launcher.json").write_text("\n".join(machine.serial))
    return type_line(
        deployed.workspace,
        block.company,
        commands,
        code=block.code,
        PYTHONPATH=str(REPOSITORY),
    )


@pytest.mark.timeout(300)
def test_the_pages_can_be_followed_to_the_first_result_and_to_the_end(
    tmp_path: Path, pulumi_cli: Path
) -> None:
    """Two runs give results, the unauthorised one is refused and explained, nothing is left."""
    printed: dict[tuple[str, str], str] = {}
    with of_working_tree(tmp_path, pulumi_cli) as deployed:
        cloud = deployed.local.cloud
        for page, block in in_turns({name: [*blocks(text)] for name, text in PAGES.items()}, TURNS):
            place = (page, block.heading)
            printed[place] = printed.get(place, "") + typed(deployed, block)
            if "--target" in block.commands:
                assert len(cloud.repositories) == 1
                assert not cloud.buckets, "the targets are for the repository alone"
        assert not cloud.buckets
        assert not cloud.service_accounts
        assert not [each for each in cloud.providers.values() if each.deleted_at is None]
    for place in ((SECUNDUS, "The first result"), (FIRST, ATTACK)):
        assert "predicted" in printed[place]
    assert f"release_refused: {SENTENCE}" in printed[FIRST, ATTACK]
    assert "the claims meet all 17 clauses" in printed[SECUNDUS, REFUSED]
    for place in ((FIRST, ATTACK), (PRIMUS, REFUSED)):
        assert "Refused by the condition: 1 of 17 clauses is not met." in printed[place]
        assert "✗ │ its code is an image that Primus admits" in printed[place]
    for page in (PRIMUS, SECUNDUS):
        assert "Nothing is left that costs or admits." in printed[page, "The end"]


A, B, C = (Block(heading, "primus", 0, heading) for heading in "ABC")


def test_a_turn_ends_with_its_section() -> None:
    """Also where a section has two blocks of commands."""
    pages = {"1.md": [A, A, B], "2.md": [C]}
    turns = [("1.md", "A"), ("2.md", "C"), ("1.md", "B")]
    assert [block for _, block in in_turns(pages, turns)] == [A, A, C, B]


@pytest.mark.parametrize(
    ("turns", "message"),
    [([("1.md", "X")], "1.md has no commands under 'X'"), ([("1.md", "A")], "nobody's turn")],
    ids=["no such section", "a section is left"],
)
def test_a_section_is_never_left_out(turns: list[tuple[str, str]], message: str) -> None:
    """A page that changes cannot make the test shorter."""
    with pytest.raises(ValueError, match=message):
        [*in_turns({"1.md": [A, B]}, turns)]
