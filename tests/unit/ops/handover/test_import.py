"""`handover import` takes a file only after somebody said so, and leaves nothing half-done."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from infra.handover_file import FROM_OPERATOR
from ops.exit_codes import BROKEN, OK, UNUSABLE
from tests.fixtures.handovers import DIGEST, write

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.fixtures.pulumi_config import Stacks

    Handover = Callable[..., Any]

IN_PLACE = "handover.secundus.json"
SET = "config set-all --stack secundus --path --plaintext confidential-inference:"
OTHER_IMAGE = "us-docker.pkg.dev/primus-models/r/workload@sha256:" + "b2" * 32
INTO_SECUNDUS = ("import", "f.json", "--stack", "secundus")
INTO_PRIMUS = ("import", "f.json", "--stack", "primus")


@pytest.fixture
def file(stacks: Stacks) -> Path:
    """The author's file, as it arrived."""
    return write(stacks.folder / "f.json")


@pytest.fixture
def place(stacks: Stacks) -> Path:
    """Where stack secundus gets its file."""
    return stacks.folder / IN_PLACE


def test_without_yes_it_only_says_what_it_would_do(
    stacks: Stacks, handover: Handover, file: Path, place: Path
) -> None:
    """The lines can be pasted."""
    ended = handover("import", file.name, "--stack", "secundus")
    assert ended.code == OK
    assert "Nothing was agreed with them before. The file is not signed" in ended.out
    assert (
        f"The import writes {IN_PLACE} and runs:\n  pulumi {SET}handover={IN_PLACE}\n" in ended.out
    )
    assert "To do it: the same command with --yes" in ended.out
    assert (stacks.commands, place.exists()) == ([], False)


def test_the_first_file_is_put_beside_the_stacks_file(
    stacks: Stacks, handover: Handover, file: Path, place: Path
) -> None:
    """Byte by byte; the configuration names it by its path from the folder of Pulumi.yaml."""
    ended = handover(*INTO_SECUNDUS, "--yes")
    assert ended.code == OK
    assert place.read_bytes() == file.read_bytes()
    assert stacks.commands == [f"{SET}handover={IN_PLACE}"]
    assert "Next: pulumi preview --stack secundus" in ended.out
    assert f"approvedDigests[0]={DIGEST}" in ended.out


def test_from_a_folder_below_it_is_put_beside_pulumi_yaml(
    stacks: Stacks, handover: Handover, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As the engine finds the stack from there."""
    below = stacks.folder / "below"
    below.mkdir()
    write(below / "f.json")
    (below / "secundus.config").symlink_to(stacks.folder / "secundus.config")
    monkeypatch.chdir(below)
    ended = handover(*INTO_SECUNDUS)
    assert ended.code == OK
    assert f"writes ../{IN_PLACE}" in ended.out
    assert handover(*INTO_SECUNDUS, "--yes").code == OK
    assert place.exists()


def test_without_a_project_there_is_no_place(
    stacks: Stacks, handover: Handover, file: Path
) -> None:
    """The configuration names the file from the folder of Pulumi.yaml."""
    (stacks.folder / "Pulumi.yaml").unlink()
    ended = handover("import", file.name, "--stack", "secundus", "--yes")
    assert ended.code == UNUSABLE
    assert ended.says("got no Pulumi.yaml in .*Change into that folder first")


def test_an_expired_file_is_refused(stacks: Stacks, handover: Handover, place: Path) -> None:
    """Also where nothing was agreed before."""
    write(stacks.folder / "f.json", days_ago=91)
    ended = handover(*INTO_SECUNDUS, "--yes", "--accept-changes")
    assert ended.code == BROKEN
    assert ended.says("f.json: got a file that expired at ")
    assert (stacks.commands, place.exists()) == ([], False)


@pytest.mark.usefixtures("file")
def test_the_file_takes_the_place_of_the_stack(stacks: Stacks, handover: Handover) -> None:
    """Both together would be an error at the next preview."""
    stacks.configure("secundus", peer="organization/confidential-inference/primus")
    assert handover(*INTO_SECUNDUS, "--yes").code == OK
    assert stacks.commands == [
        f"{SET}handover={IN_PLACE}",
        "config rm --stack secundus --path confidential-inference:peer",
    ]


@pytest.mark.usefixtures("file")
@pytest.mark.parametrize(
    ("author", "told"),
    [
        (None, ["author.project=primus-models", "author.projectNumber=111111111111"]),
        ({"project": "primus-models"}, ["author.projectNumber=111111111111"]),
        ({"projectNumber": "111111111111"}, ["author.project=primus-models"]),
    ],
)
def test_an_author_that_is_not_agreed_yet_comes_from_the_file(
    stacks: Stacks, handover: Handover, author: dict[str, str] | None, told: list[str]
) -> None:
    """So nobody copies numbers; what is agreed is never changed."""
    stacks.configure("secundus", author=author)
    ended = handover(*INTO_SECUNDUS, "--yes")
    assert ended.code == OK
    pairs = [f"--plaintext confidential-inference:{each}" for each in told]
    set_handover = f"--plaintext confidential-inference:handover={IN_PLACE}"
    assert stacks.commands == [
        " ".join(("config set-all --stack secundus --path", *pairs, set_handover))
    ]


def test_a_renewed_file_replaces_the_one_in_place(
    stacks: Stacks, handover: Handover, file: Path, place: Path
) -> None:
    """Nothing differs, so nobody needs to agree; no command is needed."""
    write(place, days_ago=89)
    stacks.configure("secundus", handover=IN_PLACE)
    ended = handover(*INTO_SECUNDUS, "--yes")
    assert ended.code == OK
    assert f"The import writes {IN_PLACE}\n" in ended.out
    assert "Nothing was agreed with them before" not in ended.out
    assert (stacks.commands, place.read_bytes()) == ([], file.read_bytes())


@pytest.mark.parametrize("configured", [True, False])
def test_what_differs_is_refused_until_somebody_agrees(
    stacks: Stacks, handover: Handover, place: Path, *, configured: bool
) -> None:
    """Also where only the file is in place, and no key names it now."""
    before = write(place, days_ago=1).read_bytes()
    file = write(stacks.folder / "f.json", {"image": OTHER_IMAGE})
    if configured:
        stacks.configure("secundus", handover=IN_PLACE)
    ended = handover(*INTO_SECUNDUS, "--yes")
    assert ended.code == BROKEN
    assert ended.says("this is not what was agreed before, so nothing was changed")
    assert "2 differences from what was agreed before" in ended.out
    assert (stacks.commands, place.read_bytes()) == ([], before)
    ended = handover(*INTO_SECUNDUS, "--yes", "--accept-changes")
    assert ended.code == OK
    assert "Nothing was agreed with them before" not in ended.out
    assert place.read_bytes() == file.read_bytes()


@pytest.mark.usefixtures("file")
def test_a_file_in_place_that_cannot_be_read_is_a_difference(
    stacks: Stacks, handover: Handover, place: Path
) -> None:
    """What was agreed is not known any more."""
    place.write_text("<<<<<<< HEAD\n")
    stacks.configure("secundus", handover=IN_PLACE)
    ended = handover(*INTO_SECUNDUS, "--yes")
    assert ended.code == BROKEN
    assert "  file: what is in place cannot be read" in ended.out
    assert place.read_text() == "<<<<<<< HEAD\n"
    assert handover(*INTO_SECUNDUS, "--yes", "--accept-changes").code == OK


def test_a_file_of_the_other_direction_in_place_is_not_replaced(
    handover: Handover, file: Path, place: Path
) -> None:
    """It is the one that this company sends."""
    own = write(place, kind=FROM_OPERATOR).read_bytes()
    ended = handover("import", file.name, "--stack", "secundus", "--yes", "--accept-changes")
    assert ended.code == BROKEN
    assert ended.says("only files of one direction can be compared; nothing was changed")
    assert place.read_bytes() == own


def test_the_file_in_place_itself_only_needs_the_key(
    stacks: Stacks, handover: Handover, place: Path
) -> None:
    """Somebody put it there by hand, or by git."""
    write(place)
    taking = ("import", IN_PLACE, "--stack", "secundus", "--yes")
    ended = handover(*taking)
    assert ended.code == OK
    assert "Nothing was agreed with them before" in ended.out
    assert stacks.commands == [f"{SET}handover={IN_PLACE}"]
    stacks.configure("secundus", handover=IN_PLACE)
    ended = handover(*taking)
    assert ended.code == OK
    assert "there is nothing to do" in ended.out
    assert len(stacks.commands) == 1


@pytest.mark.usefixtures("file")
@pytest.mark.parametrize(("approved", "told"), [([DIGEST], False), (["sha256:" + "c" * 64], True)])
def test_approval_is_never_part_of_the_import(
    stacks: Stacks, handover: Handover, approved: list[str], told: bool
) -> None:
    """Somebody reads the code first; the command that approves is told where it is missing."""
    stacks.configure("secundus", approvedDigests=approved)
    ended = handover(*INTO_SECUNDUS, "--yes")
    assert ended.code == OK
    assert (f"approvedDigests[1]={DIGEST}" in ended.out) is told
    assert not [each for each in stacks.commands if "approvedDigests" in each]


@pytest.mark.usefixtures("file")
def test_a_command_that_fails_leaves_a_file_that_nothing_uses(
    stacks: Stacks, handover: Handover, place: Path
) -> None:
    """The file is written first, and the whole of it."""
    (stacks.folder / "broken").touch()
    ended = handover(*INTO_SECUNDUS, "--yes")
    assert ended.code == UNUSABLE
    assert ended.says("`pulumi config set-all .*` failed: disk full")
    assert place.exists()


@pytest.mark.usefixtures("file")
def test_a_stage_has_a_file_of_its_own(stacks: Stacks, handover: Handover) -> None:
    """Two stages in one folder take two handovers; errors name the stage's stack."""
    names = {"serviceAccount": "workload-sa"}
    stacks.configure("secundus-acme", names=names)
    ended = handover("import", "f.json", "--stack", "secundus-acme", "--yes")
    assert ended.code == OK
    assert (stacks.folder / "handover.secundus-acme.json").exists()
    stacks.configure("secundus-acme", author={"project": "x-models", "projectNumber": "333333"})
    ended = handover("import", "f.json", "--stack", "secundus-acme", "--yes")
    assert ended.code == BROKEN
    assert ended.says("pulumi config set --stack secundus-acme --path .*author.project")


# --- into stack primus


def operator_file(stacks: Stacks, **changes: str) -> None:
    """A file of an operator, as it arrived."""
    write(stacks.folder / "f.json", changes, kind=FROM_OPERATOR)


def test_an_operator_that_is_admitted_already_changes_nothing(
    stacks: Stacks, handover: Handover
) -> None:
    """Also where its account is the default, which no key says."""
    operator_file(stacks)
    ended = handover(*INTO_PRIMUS, "--yes")
    assert ended.code == OK
    assert "there is nothing to do" in ended.out
    assert stacks.commands == []


def test_another_operator_is_refused_until_somebody_agrees(
    stacks: Stacks, handover: Handover
) -> None:
    """The committed stack file names an example's operator."""
    operator_file(stacks, projectNumber="333333333333")
    ended = handover(*INTO_PRIMUS, "--yes")
    assert ended.code == BROKEN
    assert "  operator's project number: machines of another project would be adm" in ended.out
    assert stacks.commands == []
    assert handover(*INTO_PRIMUS, "--yes", "--accept-changes").code == OK
    assert stacks.commands == [
        (
            "config set-all --stack primus --path"
            " --plaintext confidential-inference:operator.project=secundus-vision"
            " --plaintext confidential-inference:operator.projectNumber=333333333333"
            " --plaintext confidential-inference:operator.serviceAccount="
            "workload-sa@secundus-vision.iam.gserviceaccount.com"
        )
    ]


def test_a_new_name_gets_an_operator_of_its_own(stacks: Stacks, handover: Handover) -> None:
    """Nothing of the others changes."""
    operator_file(stacks)
    ended = handover(*INTO_PRIMUS, "--operator", "acme", "--yes")
    assert ended.code == OK
    assert "Nothing was agreed with them before" in ended.out
    (command,) = stacks.commands
    assert command.count("confidential-inference:operators.acme.") == 3


def test_a_named_operator_is_compared_with_its_own_keys(stacks: Stacks, handover: Handover) -> None:
    """Not with those of another."""
    operator_file(stacks)
    acme = {"project": "acme-vision", "projectNumber": 222222222222}
    stacks.configure("primus", operators={"acme": acme})
    ended = handover(*INTO_PRIMUS, "--operator", "acme")
    assert ended.code == BROKEN
    assert "2 differences" in ended.out


def test_without_a_name_somebody_must_say_which_operator_is_meant(
    stacks: Stacks, handover: Handover
) -> None:
    """Where every operator has one; another would be added beside them otherwise."""
    operator_file(stacks)
    acme = {"project": "secundus-vision", "projectNumber": "222222222222"}
    stacks.configure("primus", operator=None, operators={"acme": acme, "beta": acme})
    ended = handover(*INTO_PRIMUS, "--yes")
    assert ended.code == UNUSABLE
    assert ended.says("which one is meant.*--operator and one of acme, beta, or a new name")


def test_an_invalid_configuration_of_an_operator_is_told_as_at_a_preview(
    stacks: Stacks, handover: Handover
) -> None:
    """It cannot be compared."""
    operator_file(stacks)
    stacks.configure("primus", operator={"project": "X", "projectNumber": "1"})
    ended = handover(*INTO_PRIMUS, "--yes")
    assert ended.code == UNUSABLE
    assert ended.says("2 problems in the configuration of stack 'primus'")
