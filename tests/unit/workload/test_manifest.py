"""Which manifests `workload.manifest` accepts, and what it says of the others."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from tests.fixtures.manifests import (
    BAD,
    BEYOND_A_SCHEMA,
    FULL,
    GOOD,
    OPTIONAL,
    REQUIRED,
    TOGETHER,
    changed,
    without,
)
from workload import manifest
from workload.errors import WorkloadError
from workload.manifest import Golden, Input, Manifest, Output

if TYPE_CHECKING:
    from pathlib import Path


def problems(data: object) -> list[str]:
    """The fields with problems."""
    with pytest.raises(manifest.ManifestError) as refusal:
        manifest.of(data)
    return [problem.field for problem in refusal.value.problems]


def test_a_short_manifest_has_the_defaults(tmp_path: Path) -> None:
    """Everything that is not required has a default."""
    path = tmp_path / "manifest.json"
    path.write_text(json.dumps(GOOD))
    assert manifest.read(path) == Manifest(
        format="tensorflow-saved-model",
        signature="serving_default",
        input=Input(width=128, height=96, channels="RGB", low=-1.0, high=1.0, resize="bilinear"),
        output=Output(scores="probabilities"),
        top_k=3,
        classes=("clean", "scratch", "dent"),
    )


def test_a_full_manifest_gives_all_values() -> None:
    """Every key has its place."""
    assert manifest.of(FULL) == Manifest(
        format="litert",
        signature="main",
        input=Input(
            width=128,
            height=96,
            channels="RGB",
            low=-1.0,
            high=1.0,
            resize="bilinear",
            name="images",
            type="uint8",
            layout="NCHW",
            mean=(103.939, 116.779, 123.68),
            deviation=(0.229, 0.224, 0.225),
            fit="crop",
            short_side=256,
            decode="accurate",
        ),
        output=Output(scores="logits", activation="softmax", name="logits"),
        top_k=3,
        classes=("clean", "scratch", "dent"),
        batch=4,
        golden=(Golden(file="golden/00.png", best=((2, 0.75), (0, 0.2)), tolerance=0.001),),
    )


def test_a_litert_model_needs_no_signature() -> None:
    """Then its main graph is meant."""
    assert manifest.of({**GOOD, "format": "litert"}).signature is None


def test_five_classes_are_the_default() -> None:
    """Or all, if there are fewer."""
    many = {**GOOD, "classes": [f"{number}" for number in range(9)]}
    assert manifest.of(many).top_k == 5
    assert manifest.of({**many, "topK": 9}).top_k == 9


@pytest.mark.parametrize(
    "labels",
    [
        ["crane", "maillot", "crane", "maillot"],
        ["", "background"],
        ["a\u00a0b", "می\u200cخواهم", "👩\u200d🔬", "ラベル"],  # noqa: RUF001  Persian
    ],
    ids=["the same twice", "empty", "every language"],
)
def test_labels_are_any_text_without_control_characters(labels: list[str]) -> None:
    """ImageNet has two names twice; a class has its index beside its label."""
    assert manifest.of({**GOOD, "classes": labels}).classes == tuple(labels)


def test_a_hundred_thousand_classes_are_accepted(tmp_path: Path) -> None:
    """Not one more; their labels take some megabytes."""
    labels = [f"a class with a long name and the number {number}" for number in range(100_000)]
    path = tmp_path / "manifest.json"
    path.write_text(json.dumps({**GOOD, "classes": labels}))
    assert len(manifest.read(path).classes) == 100_000
    assert problems({**GOOD, "classes": [*labels, "one more"]}) == ["classes"]


@pytest.mark.parametrize(("channels", "depth"), [("RGB", 3), ("BGR", 3), ("grey", 1)])
def test_the_depth_follows_the_channels(channels: str, depth: int) -> None:
    """So mean and deviation of a grey model have one number."""
    grey = changed(changed(GOOD, "input.channels", channels), "input.mean", [1] * depth)
    assert manifest.of(grey).input.depth == depth


@pytest.mark.parametrize(
    ("output", "published"),
    [
        (Output(scores="logits", activation="softmax"), "probabilities"),
        (Output(scores="logits"), "logits"),
        (Output(scores="raw"), "raw"),
    ],
)
def test_an_activation_makes_probabilities(output: Output, published: str) -> None:
    """Without one, scores are published as the model gives them."""
    assert output.published == published


@pytest.mark.parametrize("field", REQUIRED)
def test_a_missing_key_is_a_problem(field: str) -> None:
    """And the only one."""
    assert problems(without(FULL, field))[0] == field


@pytest.mark.parametrize("field", OPTIONAL)
def test_another_key_may_be_missing(field: str) -> None:
    """Then its default counts."""
    manifest.of(without(FULL, field))


@pytest.mark.parametrize(("field", "value"), [*BAD, *BEYOND_A_SCHEMA])
def test_a_wrong_value_is_a_problem_of_its_field(field: str, value: object) -> None:
    """The first problem names the field; further ones are of keys that depend on it."""
    assert problems(changed(FULL, field, value))[0] == field


@pytest.mark.parametrize(("field", "data"), TOGETHER)
def test_a_key_without_the_one_it_needs_is_a_problem(field: str, data: dict[str, Any]) -> None:
    """It would change nothing, or nobody could say what it means."""
    assert field in problems(data)


def test_all_problems_are_told_at_once() -> None:
    """With what was got and what is expected."""
    data = changed(changed(changed(FULL, "input.range", [1, 0]), "topK", 4), "extra", [1] * 99)
    with pytest.raises(manifest.ManifestError) as refusal:
        manifest.of(data)
    assert [str(problem) for problem in refusal.value.problems] == [
        "input.range: got [1, 0], expected the input for pixel value 0, then a larger one for 255",
        "topK: got 4, expected a whole number from 1 to 3",
        (
            f"extra: got [{'1, ' * 19}1,..., expected no such key (`metadata` is for notes of your"
            " own)"
        ),
    ]


@pytest.mark.parametrize("data", [None, 7, "text", [GOOD]])
def test_a_manifest_is_an_object(data: object) -> None:
    """Other JSON has no keys."""
    assert problems(data)[0] == ""


@pytest.mark.parametrize(
    "content",
    [b"", b"{", b"\xff\xfe", b"[" * 100_000, json.dumps(GOOD).encode() + b" " * 32 * 1024**2],
    ids=["empty", "cut", "no text", "nested", "large"],
)
def test_a_manifest_that_is_no_json_is_refused(content: bytes, tmp_path: Path) -> None:
    """Bytes that are no JSON, or too much of it, are refused."""
    path = tmp_path / "manifest.json"
    path.write_bytes(content)
    with pytest.raises(WorkloadError, match=r"^model_manifest_invalid: "):
        manifest.read(path)


def test_an_archive_without_a_manifest_is_refused(tmp_path: Path) -> None:
    """A missing manifest is an invalid one."""
    with pytest.raises(WorkloadError, match=r"^model_manifest_invalid: "):
        manifest.read(tmp_path / "manifest.json")


def test_nesting_of_any_depth_is_an_invalid_manifest(tmp_path: Path) -> None:
    """Its author's mistake, not one of the workload; Python reads more depths than it writes."""
    path = tmp_path / "manifest.json"
    for depth in range(850, 1001):
        path.write_text(f'{{"x": {"[" * depth}{"]" * depth}}}')
        with pytest.raises(WorkloadError, match=r"^model_manifest_invalid: "):
            manifest.read(path)
