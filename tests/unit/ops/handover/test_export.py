"""`handover export` makes the file that the other company can use, and no other."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any

import pytest

from infra.config import secundus_settings
from infra.handover_file import FROM_AUTHOR, FROM_OPERATOR, read
from infra.stack_name import StackName
from ops import cli
from ops.exit_codes import BROKEN, OK, UNUSABLE
from ops.handover import files, parties
from tests.fixtures.handovers import OPERATOR, PUBLISHED, write
from tests.fixtures.stack_files import committed

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.fixtures.pulumi_config import Stacks

    Handover = Callable[..., Any]


def test_primus_exports_the_deployed_handover(stacks: Stacks, handover: Handover) -> None:
    """As the stack published it, and nothing else of the stack's outputs."""
    stacks.export({"handover": PUBLISHED, "imageDigests": []})
    ended = handover("export", "--stack", "primus", "--output", "to-secundus.json")
    assert (ended.code, ended.out) == (OK, "")
    data = (stacks.folder / "to-secundus.json").read_bytes()
    file = read(data, "")
    assert (file.kind, file.values) == (FROM_AUTHOR, PUBLISHED)
    assert (file.expires - file.issued).days == 90
    assert hashlib.sha256(data).hexdigest() in ended.told
    assert [path.name for path in stacks.folder.glob("to-secundus*")] == ["to-secundus.json"]


def test_a_named_operator_gets_its_own_handover(stacks: Stacks, handover: Handover) -> None:
    """`handovers` has them by name."""
    other = {**PUBLISHED, "modelReader": "reader-acme@primus-models.iam.gserviceaccount.com"}
    stacks.export({"handovers": {"acme": other, "beta": PUBLISHED}})
    ended = handover("export", "--stack", "primus", "--operator", "acme")
    assert ended.code == OK
    assert read(ended.out.encode(), "").values == other


def test_secundus_exports_by_its_configuration_before_it_is_deployed(handover: Handover) -> None:
    """Project, number and account, and nothing else."""
    ended = handover("export", "--stack", "secundus", "--valid-days", "7")
    file = read(ended.out.encode(), "")
    assert (ended.code, file.kind, file.values) == (OK, FROM_OPERATOR, OPERATOR)
    assert (file.expires - file.issued).days == 7


def test_an_export_needs_neither_author_nor_machine(stacks: Stacks, handover: Handover) -> None:
    """Secundus may know nothing of Primus when it exports."""
    stacks.configure("secundus", author=None, confidentialSpaceImage=None)
    assert handover("export", "--stack", "secundus").code == OK


def test_an_export_of_a_stack_without_a_number_is_an_error_with_the_command(
    stacks: Stacks, handover: Handover
) -> None:
    """As at a preview."""
    stacks.configure("secundus-acme", projectNumber=None)
    ended = handover("export", "--stack", "secundus-acme")
    assert ended.code == UNUSABLE
    assert ended.says("pulumi config set --stack secundus-acme --path .*projectNumber")


@pytest.mark.parametrize("stack", ["secundus-acme", "org/confidential-inference/secundus-acme"])
def test_a_stage_has_its_own_account(stacks: Stacks, handover: Handover, stack: str) -> None:
    """Also where the stack's organization and project are given."""
    stacks.configure(stack)
    ended = handover("export", "--stack", stack)
    assert ended.code == OK
    account = "workload-sa-acme@secundus-vision.iam.gserviceaccount.com"
    assert read(ended.out.encode(), "").values["serviceAccount"] == account


@pytest.mark.parametrize("rest", ["", "-acme-prod"])
@pytest.mark.parametrize("names", [{}, {"serviceAccount": "other-sa"}])
def test_a_file_names_the_operator_that_the_stack_declares(
    rest: str, names: dict[str, str]
) -> None:
    """One rule, although the export reads a few keys only."""
    values = {**committed("secundus"), "names": names}
    given = {key: v if isinstance(v, str) else json.dumps(v) for key, v in values.items()}
    stack = StackName("secundus", rest)
    declared = secundus_settings.parse(given, stack).operator
    assert parties.secundus(given, stack).us == declared


def test_an_export_replaces_an_earlier_one(stacks: Stacks, handover: Handover) -> None:
    """It is made again after each deployment that changes it."""
    stacks.export({"handover": PUBLISHED})
    write(stacks.folder / "f.json", {"modelReader": "x"}, days_ago=200)
    assert handover("export", "--stack", "primus", "--output", "f.json").code == OK
    assert files.read("f.json").values == PUBLISHED


def test_an_export_overwrites_nothing_else(stacks: Stacks, handover: Handover) -> None:
    """A slip would cost a stack's configuration."""
    stacks.export({"handover": PUBLISHED})
    other = stacks.folder / "Pulumi.primus.yaml"
    other.write_text("config: {}\n")
    ended = handover("export", "--stack", "primus", "--output", "Pulumi.primus.yaml")
    assert ended.code == BROKEN
    assert ended.says("yaml exists and is no handover file, so it is not overwritten: Pulumi.prim")
    assert other.read_text() == "config: {}\n"


def test_a_folder_that_does_not_exist_is_an_error(stacks: Stacks, handover: Handover) -> None:
    """Of the operating system, without a stack trace."""
    stacks.export({"handover": PUBLISHED})
    ended = handover("export", "--stack", "primus", "--output", "no/f.json")
    assert ended.code == UNUSABLE
    assert ended.says("no/f.json.part: No such file or directory")


OUTPUTS: dict[str, tuple[dict[str, Any], list[str], int, str]] = {
    "nothing deployed": ({}, [], UNUSABLE, "has no output `handover`.*--operator NAME"),
    "no such operator": (
        {"handovers": {"acme": PUBLISHED, "beta": PUBLISHED}},
        ["--operator", "gamma"],
        UNUSABLE,
        "has deployed no operator 'gamma', only acme, beta; deploy it first",
    ),
    "secret handovers": (
        {"handovers": "[secret]"},
        ["--operator", "acme"],
        UNUSABLE,
        "only none with a name",
    ),
    "a secret handover": ({"handover": "[secret]"}, [], BROKEN, "nothing that crosses is secret"),
    "an operator that is stopped": (
        {"handovers": {"acme": {**PUBLISHED, "stopped": True}}},
        ["--operator", "acme"],
        UNUSABLE,
        "has stopped this operator.*config rm --stack primus --path .*operators.acme.stopped",
    ),
    "values of two projects": (
        {"handover": {**PUBLISHED, "modelReader": "a-reader@other-models.iam.gserviceaccount.com"}},
        [],
        BROKEN,
        "image: got .*expected an image by digest in a repository of project other-models",
    ),
    "no values at all": (
        {"handover": {**PUBLISHED, "modelReader": None, "audience": "x"}},
        [],
        BROKEN,
        "audience: got 'x'.*modelReader: got None",
    ),
    "an earlier version": (
        {"handover": {**PUBLISHED, "operatorNumber": ""}},
        [],
        BROKEN,
        "does not say whom the author admits: got no operatorNumber",
    ),
}


@pytest.mark.parametrize(("outputs", "options", "code", "message"), OUTPUTS.values(), ids=OUTPUTS)
def test_what_no_operator_could_use_is_not_exported(
    stacks: Stacks,
    handover: Handover,
    outputs: dict[str, Any],
    options: list[str],
    code: int,
    message: str,
) -> None:
    """The mistake is found where it can be corrected."""
    stacks.export(outputs)
    ended = handover("export", "--stack", "primus", "--output", "f.json", *options)
    assert (ended.code, ended.out) == (code, "")
    assert not (stacks.folder / "f.json").exists()
    assert ended.says(message)


USAGE = {
    "no days": ["--valid-days", "0"],
    "days without end": ["--valid-days", "3651"],
    "no number of days": ["--valid-days", "a week"],
    "no name": ["--operator", "Acme Ltd"],
}


@pytest.mark.parametrize("options", USAGE.values(), ids=USAGE)
def test_wrong_options_are_wrong_usage(options: list[str]) -> None:
    """Exit code 2, as argparse has it."""
    with pytest.raises(SystemExit) as ended:
        cli.main(["handover", "export", "--stack", "primus", *options])
    assert ended.value.code == UNUSABLE


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["export", "--stack", "secundus"], "a stack primus, but got --stack secundus"),
        (["check", "f.json"], "a stack primus, but got no --stack"),
    ],
)
def test_an_operator_that_would_be_ignored_is_wrong_usage(
    handover: Handover, arguments: list[str], message: str
) -> None:
    """Only stack primus has operators."""
    ended = handover(*arguments, "--operator", "acme")
    assert ended.code == UNUSABLE
    assert ended.says(message)


def test_another_companys_stack_is_wrong_usage(handover: Handover) -> None:
    """The stack's name says which file it is."""
    ended = handover("export", "--stack", "dev")
    assert ended.code == UNUSABLE
    assert ended.says("Got a stack called 'dev', expected 'primus' or 'secundus'")
