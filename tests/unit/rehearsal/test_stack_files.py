"""Stack files of a company that took this program over work with the local cloud."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import yaml

from rehearsal.companies import COMPANIES
from rehearsal.stack_files import (
    StackFileError,
    approve,
    companies,
    detach,
    local_files,
    take_salts,
)

if TYPE_CHECKING:
    from pathlib import Path

OWN = """
encryptionsalt: v1:abc
secretsprovider: gcpkms://projects/p/locations/l/keyRings/r/cryptoKeys/k
encryptedkey: abc
config:
  confidential-inference:project: acme-models
  confidential-inference:projectNumber: "123456789012"
  confidential-inference:operators:
    - group:people@acme.example
    - user:ann@acme.example
"""
BARE = "config:\n  confidential-inference:project: acme-models\n"


def write(folder: Path, text: str) -> Path:
    """The same stack file for both companies."""
    folder.mkdir(exist_ok=True)
    for name in COMPANIES:
        (folder / f"Pulumi.{name}.yaml").write_text(text)
    return folder


def read(folder: Path) -> dict[str, object]:
    """Primus' stack file."""
    parsed: dict[str, object] = yaml.safe_load((folder / "Pulumi.primus.yaml").read_text())
    return parsed


def test_the_secrets_provider_of_the_real_stack_is_forgotten(tmp_path: Path) -> None:
    """Its key is not here; nothing else changes."""
    before = yaml.safe_load(OWN)
    detach(write(tmp_path, OWN))
    assert read(tmp_path) == {"config": before["config"]}


def test_the_authors_file_is_forgotten(tmp_path: Path) -> None:
    """In the local cloud the author's stack is there, with another image and pool."""
    before = yaml.safe_load(OWN)
    detach(write(tmp_path, f"{OWN}  confidential-inference:handover: handover.secundus.json\n"))
    assert read(tmp_path) == {"config": before["config"]}


def test_a_second_copy_gets_the_salt_of_the_first(tmp_path: Path) -> None:
    """Otherwise the engine could not read the stack that the first copy made."""
    first, second = write(tmp_path / "a", OWN), write(tmp_path / "b", BARE)
    take_salts(first, second)
    assert read(second) == {**yaml.safe_load(BARE), "encryptionsalt": "v1:abc"}


def test_the_companies_are_those_of_the_files(tmp_path: Path) -> None:
    """The deployer is a person who may start the machine; a group is nobody in particular."""
    found = companies(write(tmp_path, OWN))["secundus"]
    assert (found.project, found.project_number) == ("acme-models", "123456789012")
    assert found.deployer == "user:ann@acme.example"
    assert found.roles == COMPANIES["secundus"].roles


def test_what_a_file_does_not_say_is_as_in_the_example(tmp_path: Path) -> None:
    """The program itself refuses what is missing, with its own error."""
    found = companies(write(tmp_path, BARE))["secundus"]
    assert found.project_number == COMPANIES["secundus"].project_number
    assert found.deployer == COMPANIES["secundus"].deployer


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[1, 2]", "Pulumi.primus.yaml: got no mapping"),
        ("", "Pulumi.primus.yaml: got no mapping"),
        ("a: [", "Pulumi.primus.yaml cannot be read"),
        (
            "config:\n  confidential-inference:names:\n    pool:\n      secure: abc\n",
            "got a secret value for 'confidential-inference:names'.*--plaintext",
        ),
        ("config:\n  other:key:\n    secure: abc\n", "got a secret value for 'other:key'"),
    ],
)
def test_a_file_that_cannot_be_deployed_is_refused(tmp_path: Path, text: str, message: str) -> None:
    """With what to do."""
    with pytest.raises(StackFileError, match=message):
        detach(write(tmp_path, text))


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    """The other company's program alone is not enough."""
    with pytest.raises(StackFileError, match=r"Pulumi\.primus\.yaml cannot be read"):
        companies(tmp_path)


CONFIG = "confidential-inference:"


def configure(folder: Path, primus: dict[str, object], secundus: dict[str, object]) -> Path:
    """Two stack files with these settings."""
    for name, settings in (("primus", primus), ("secundus", secundus)):
        text = yaml.safe_dump(
            {"config": {f"{CONFIG}{key}": each for key, each in settings.items()}}
        )
        (folder / f"Pulumi.{name}.yaml").write_text(text)
    return folder


def test_the_files_that_the_configuration_names(tmp_path: Path) -> None:
    """Model, manifest, other admitted models, pictures."""
    model = {"archive": "a.tar.gz", "manifest": "m.json", "admitAlso": {"0" * 64: "old.tar.gz"}}
    models = {"small": {"archive": "s.tar.gz", "manifest": "s.json"}, "odd": 7}
    configure(tmp_path, {"model": model, "models": models}, {"pictures": "photos"})
    assert sorted(local_files(tmp_path)) == [
        *("a.tar.gz", "m.json", "old.tar.gz", "photos", "s.json", "s.tar.gz")
    ]
    assert local_files(configure(tmp_path, {"model": "odd"}, {"pictures": 7})) == []


@pytest.mark.parametrize(
    ("primus", "secundus", "approved"),
    [
        ({}, {"approvedDigests": ["a"]}, ["a", "b"]),
        ({}, {"approvedDigests": ["a", "b"]}, None),
        ({}, {}, None),
        ({"image": {"digest": "c"}}, {"approvedDigests": ["a"]}, None),
        ({"image": {"admitAlso": ["c"]}}, {"approvedDigests": ["a"]}, ["a", "b"]),
    ],
    ids=["missing", "there", "any image", "pinned", "built"],
)
def test_a_built_image_is_approved_where_only_approved_ones_run(
    tmp_path: Path,
    primus: dict[str, object],
    secundus: dict[str, object],
    approved: list[str] | None,
) -> None:
    """The local builder's digest is in no real list; a pinned digest is."""
    configure(tmp_path, primus, secundus)
    before = (tmp_path / "Pulumi.secundus.yaml").read_text()
    assert approve(tmp_path, ["b"]) == (approved is not None)
    parsed = yaml.safe_load((tmp_path / "Pulumi.secundus.yaml").read_text())
    expected = yaml.safe_load(before)
    if approved is not None:
        expected["config"][f"{CONFIG}approvedDigests"] = approved
    assert parsed == expected
