"""The command `rollout`: what is admitted at each step, and what comes next."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

import pytest

from ops.cli import main
from ops.exit_codes import OK, UNUSABLE

if TYPE_CHECKING:
    from pathlib import Path

    from tests.fixtures.pulumi_config import Stacks

OLD, NEW, OTHER = (f"sha256:{letter * 64}" for letter in "abc")
IMAGE = "us-west1-docker.pkg.dev/primus-models/artifact-repo/workload@"
ARCHIVE = b"the deployed archive"
MODEL = hashlib.sha256(ARCHIVE).hexdigest()


def outputs(launched: str, *others: str, operator: str = "", **handover: Any) -> dict[str, Any]:
    """What stack primus exports for one operator."""
    published = {
        "image": IMAGE + launched,
        "modelUri": f"gs://primus-models-model-bucket/models/{MODEL}/model.tar.gz",
        "modelSha256": MODEL,
        **handover,
    }
    digests = [launched, *others]
    if not operator:
        return {"handover": published, "imageDigests": digests}
    return {"handovers": {operator: published}, "operators": {operator: {"imageDigests": digests}}}


@pytest.mark.parametrize(
    ("deployed", "also", "following"),
    [
        ((OLD,), None, "No rollout is under way. To begin one: "),
        ((OLD,), [OLD], "The deployed image stays admitted. Now change the sources in workload/"),
        ((NEW, OLD), [OLD], "The old and the new are admitted. Each operator starts a machine"),
        ((NEW, OLD), None, "The configuration retires the others, the next update does it"),
    ],
    ids=["before", "kept", "overlap", "retired"],
)
def test_each_step_says_what_comes_next(
    stacks: Stacks,
    capsys: pytest.CaptureFixture[str],
    deployed: tuple[str, ...],
    also: list[str] | None,
    following: str,
) -> None:
    """By what is deployed and what is configured; it changes nothing."""
    stacks.export(outputs(*deployed))
    stacks.configure("primus", image=also and {"admitAlso": also})
    assert main(["rollout"]) == OK
    printed = capsys.readouterr().out
    assert following in printed
    assert [line.split("  ")[0] for line in printed.splitlines()[:-1]] == [*deployed]
    assert printed.startswith(f"{deployed[0]}  launched by the next machine\n")
    assert stacks.commands == []


@pytest.mark.parametrize(
    ("also", "kept"),
    [(None, [OLD]), ([OTHER], [OTHER, OLD]), ([OLD], [OLD])],
    ids=["first", "beside an earlier one", "twice"],
)
def test_begin_keeps_what_is_deployed(
    stacks: Stacks, also: list[str] | None, kept: list[str]
) -> None:
    """Also the image of an earlier rollout that nobody has retired."""
    stacks.export(outputs(OLD, *(also or ())))
    stacks.configure("primus", image=also and {"admitAlso": also})
    assert main(["rollout", "begin"]) == OK
    (command,) = stacks.commands
    pairs = [f"confidential-inference:image.admitAlso[{n}]={d}" for n, d in enumerate(kept)]
    assert command.split(" --plaintext ")[1:] == pairs


def test_retire_admits_the_new_one_alone(
    stacks: Stacks, capsys: pytest.CaptureFixture[str]
) -> None:
    """Once; where nothing is kept, it changes nothing."""
    stacks.export(outputs(NEW, OLD))
    stacks.configure("primus", image={"admitAlso": [OLD], "digest": NEW})
    assert main(["rollout", "retire"]) == OK
    assert stacks.commands == [
        "config rm --stack primus --path confidential-inference:image.admitAlso"
    ]
    stacks.export(outputs(NEW))
    stacks.configure("primus")
    assert main(["rollout", "retire"]) == OK
    assert len(stacks.commands) == 1
    assert "No rollout is under way" in capsys.readouterr().out


def test_an_operator_with_a_name_is_rolled_out_alone(stacks: Stacks) -> None:
    """Under its own key, even if its image was that of all."""
    stacks.export(outputs(OLD, operator="acme"))
    stacks.configure("primus", image={"admitAlso": [OTHER]})
    assert main(["rollout", "begin", "--operator", "acme"]) == OK
    (command,) = stacks.commands
    assert f"operators.acme.image.admitAlso[1]={OLD}" in command
    assert " confidential-inference:image.admitAlso" not in command


def test_an_operator_does_not_retire_the_list_of_all(
    stacks: Stacks, capsys: pytest.CaptureFixture[str]
) -> None:
    """Others need it; its own list it retires."""
    stacks.export(outputs(NEW, OLD, operator="acme"))
    stacks.configure("primus", image={"admitAlso": [OLD]})
    assert main(["rollout", "retire", "--operator", "acme"]) == UNUSABLE
    assert "this operator has the list of all" in capsys.readouterr().err
    stacks.configure("primus", operators={"acme": {"image": {"admitAlso": [OLD]}}})
    assert main(["rollout", "retire", "--operator", "acme"]) == OK
    assert stacks.commands == [
        "config rm --stack primus --path confidential-inference:operators.acme.image.admitAlso"
    ]


@pytest.mark.parametrize(
    ("exported", "options", "problem"),
    [
        ({}, (), "no release for `operator`; deploy it first: pulumi up --stack primus"),
        (outputs(OLD, operator="acme"), (), "name one: --operator acme"),
        (outputs(OLD, operator="acme"), ("--operator", "acmee"), "name one: --operator acme"),
        (outputs(OLD), ("--model", "small"), "has deployed no model 'small'; nothing was changed"),
    ],
)
def test_what_is_not_deployed_is_an_error(
    stacks: Stacks,
    capsys: pytest.CaptureFixture[str],
    exported: dict[str, Any],
    options: tuple[str, ...],
    problem: str,
) -> None:
    """Nothing is configured for it."""
    stacks.export(exported)
    assert main(["rollout", "begin", *options]) == UNUSABLE
    assert problem in capsys.readouterr().err
    assert stacks.commands == []


@pytest.mark.parametrize(
    ("name", "key", "model"),
    [
        ("model", "model", None),
        ("small", "models.small", {"small": {"archive": "packed/small.tar.gz"}}),
    ],
)
def test_begin_keeps_the_deployed_archive_under_another_path(
    stacks: Stacks, name: str, key: str, model: dict[str, Any] | None
) -> None:
    """The file that the new version will overwrite."""
    models: dict[str, Any] = {} if model is None else {"models": {name: MODEL}}
    stacks.export(outputs(OLD, **models))
    stacks.configure("primus", models=model)
    path = "model/model.tar.gz" if model is None else "packed/small.tar.gz"
    folder, _, file = path.partition("/")
    (stacks.folder / folder).mkdir()
    (stacks.folder / path).write_bytes(ARCHIVE)
    assert main(["rollout", "begin", "--model", name]) == OK
    copy = f"{folder}/{MODEL[:12]}-{file}"
    assert (stacks.folder / copy).read_bytes() == ARCHIVE
    (command,) = stacks.commands
    assert command.endswith(f"confidential-inference:{key}.admitAlso.{MODEL}={copy}")
    # Again, after the new version is in its place.
    (stacks.folder / path).write_bytes(b"new")
    assert main(["rollout", "begin", "--model", name]) == OK
    assert main(["rollout", "retire", "--model", name]) == OK
    assert stacks.commands[2:] == [
        f"config rm --stack primus --path confidential-inference:{key}.admitAlso"
    ]


@pytest.mark.parametrize("content", [b"another archive", None], ids=["replaced", "missing"])
def test_an_archive_that_is_gone_can_be_got_from_the_bucket(
    stacks: Stacks, capsys: pytest.CaptureFixture[str], content: bytes | None
) -> None:
    """Nothing is configured, or an update would fail for want of the file."""
    stacks.export(outputs(OLD))
    (stacks.folder / "model").mkdir()
    if content is not None:
        (stacks.folder / "model/model.tar.gz").write_bytes(content)
    assert main(["rollout", "begin", "--model", "model"]) == UNUSABLE
    place = f"gs://primus-models-model-bucket/models/{MODEL}/model.tar.gz"
    copy = stacks.folder / f"model/{MODEL[:12]}-model.tar.gz"
    assert f"gcloud storage cp {place} {copy}" in capsys.readouterr().err
    assert stacks.commands == []


def test_the_versions_of_a_model_that_stay_admitted_are_shown(
    stacks: Stacks, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """With their archives."""
    assert tmp_path == stacks.folder
    stacks.export(outputs(OLD))
    stacks.configure("primus", model={"admitAlso": {MODEL: "model/before.tar.gz"}})
    assert main(["rollout", "--model", "model"]) == OK
    assert f"{MODEL}  stays admitted: model/before.tar.gz" in capsys.readouterr().out
