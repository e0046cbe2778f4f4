"""Stack secundus takes the handover from a file as from a stack, and refuses other files."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from infra.handover_file import FROM_OPERATOR
from tests.fixtures.handovers import DIGEST, write
from tests.fixtures.stack_files import committed
from tests.graph.mocked import HANDOVER, Graph, Refused, deploy

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

FILE = "handover.secundus.json"


@pytest.fixture
def apart() -> Callable[..., Graph]:
    """Deploys Secundus by the file, in a backend that has no stack of Primus."""

    def run(stack: str = "secundus", **changes: Any) -> Graph:
        return deploy(stack, {**committed("secundus"), "handover": FILE, **changes})

    return run


def resources(graph: Graph) -> dict[str, Any]:
    """The registration of every resource, with its inputs and its options."""
    return {
        each.urn: [each.request.object, each.request.protect, each.request.parent]
        for each in graph.resources
    }


def test_a_file_gives_the_resources_that_the_stack_gives(
    folder: Path, apart: Callable[..., Graph], secundus: Callable[..., Graph]
) -> None:
    """And the same outputs; the file is found from the folder of Pulumi.yaml."""
    write(folder / FILE)
    by_file, by_stack = apart(), secundus()
    assert resources(by_file) == resources(by_stack)
    assert by_file.exports == by_stack.exports


def test_the_working_folder_does_not_decide_which_file_it_is(
    folder: Path, apart: Callable[..., Graph], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A key `main` of Pulumi.yaml makes it another folder."""
    write(folder / FILE)
    monkeypatch.setattr("pulumi.get_root_directory", lambda: str(folder / "nowhere"))
    with pytest.raises(Refused, match=f"nowhere/{FILE} cannot be read"):
        apart()


def test_one_of_several_models_can_be_chosen(folder: Path, apart: Callable[..., Graph]) -> None:
    """As from a stack."""
    small = "d4" * 32
    write(folder / FILE, {"models": {"large": HANDOVER["modelSha256"], "small": small}})
    metadata = apart(model="small").one("Instance").inputs["metadata"]
    assert metadata["tee-env-MODEL_SHA256"] == small
    with pytest.raises(Refused, match="model: got 'tiny', expected a model that the author gives"):
        apart(model="tiny")


def test_the_approved_digests_apply(folder: Path, apart: Callable[..., Graph]) -> None:
    """A file is no approval."""
    write(folder / FILE)
    metadata = apart(approvedDigests=[DIGEST]).one("Instance").inputs["metadata"]
    assert metadata["tee-image-reference"] == HANDOVER["image"]
    with pytest.raises(Refused, match="approvedDigests holds only") as told:
        apart(approvedDigests=["sha256:" + "c" * 64])
    assert told.value.declared == []


def test_a_file_that_ends_soon_is_a_warning(folder: Path, apart: Callable[..., Graph]) -> None:
    """In every preview of its last two weeks."""
    write(folder / FILE, days_ago=80)
    assert [each for each in apart().warnings if "is refused from then on" in each]
    write(folder / FILE)
    assert not [each for each in apart().warnings if "is refused from then on" in each]


REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "expired": ({"days_ago": 91}, "got a file that expired at .*for a new file, made by"),
    "of the future": ({"days_ago": -2}, "which is in the future"),
    "of the other direction": (
        {"kind": FROM_OPERATOR},
        "is from the operator of the machine, expected a file from the author of the model",
    ),
    "of another author": (
        {"changes": {"modelReader": "a-reader@evil-project.iam.gserviceaccount.com"}},
        "the author published a handover that cannot be trusted",
    ),
    "for another operator": (
        {"changes": {"operatorNumber": "333333333333"}},
        "the author admits another machine than this stack declares",
    ),
    "for nobody": ({"changes": {"operatorNumber": None}}, "got no operatorNumber"),
    "of an operator that is stopped": ({"changes": {"stopped": True}}, "has stopped this operator"),
}


@pytest.mark.parametrize(("made", "message"), REFUSED.values(), ids=REFUSED)
def test_a_file_that_cannot_be_used_ends_the_program_with_a_sentence(
    folder: Path, apart: Callable[..., Graph], made: dict[str, Any], message: str
) -> None:
    """Before anything is declared."""
    write(folder / FILE, **made)
    with pytest.raises(Refused, match=f"(?s){FILE}.*{message}") as told:
        apart()
    assert told.value.declared == []


def test_a_file_of_another_form_is_refused(folder: Path, apart: Callable[..., Graph]) -> None:
    """Nothing reads the bytes without the check."""
    path = write(folder / FILE)
    path.write_text(json.dumps(json.loads(path.read_text())))
    with pytest.raises(Refused, match=f"{FILE} is not as the command writes it"):
        apart()


def test_commands_in_an_error_are_for_this_stage(folder: Path, apart: Callable[..., Graph]) -> None:
    """Pasted, they change the stack that was refused."""
    assert not (folder / FILE).exists()
    with pytest.raises(Refused, match=r"handover import FILE --stack secundus-acme$"):
        apart("secundus-acme")


def test_a_file_and_a_stack_together_are_a_problem(apart: Callable[..., Graph]) -> None:
    """They may name two images."""
    with pytest.raises(Refused, match="either the file `handover` or the stack `peer`"):
        apart(peer="organization/confidential-inference/primus")
