"""Which manifests `workload.manifest` accepts."""

from __future__ import annotations

import dataclasses
import json
from typing import TYPE_CHECKING, Any

import pytest

from workload import manifest
from workload.errors import WorkloadError

if TYPE_CHECKING:
    from pathlib import Path

INPUT: dict[str, Any] = {
    "width": 128,
    "height": 96,
    "channels": "RGB",
    "range": [-1.0, 1],
    "resize": "bilinear",
}
GOOD: dict[str, Any] = {
    "schema": "confidential-inference/model/v1",
    "name": "surface-inspection",
    "format": "tensorflow-saved-model",
    "signature": "serving_default",
    "input": INPUT,
    "output": "probabilities",
    "topK": 2,
    "classes": ["clean", "scratch", "dent"],
}

BAD: dict[str, Any] = {
    "another schema": {**GOOD, "schema": "confidential-inference/model/v2"},
    "another format": {**GOOD, "format": "onnx"},
    "a format of another type": {**GOOD, "format": ["litert"]},
    "another output": {**GOOD, "output": "logits"},
    "unknown key": {**GOOD, "crop": "centre"},
    "unknown key of the input": {**GOOD, "input": {**INPUT, "mean": [0, 0, 0]}},
    "missing key": {key: value for key, value in GOOD.items() if key != "signature"},
    "signature without a name": {**GOOD, "signature": ""},
    "no side": {**GOOD, "input": {**INPUT, "width": 0}},
    "huge side": {**GOOD, "input": {**INPUT, "height": 1025}},
    "side that is true": {**GOOD, "input": {**INPUT, "width": True}},
    "side with a fraction": {**GOOD, "input": {**INPUT, "width": 128.0}},
    "grey": {**GOOD, "input": {**INPUT, "channels": "L"}},
    "channels of another type": {**GOOD, "input": {**INPUT, "channels": ["RGB"]}},
    "range the wrong way round": {**GOOD, "input": {**INPUT, "range": [1, -1]}},
    "range of three": {**GOOD, "input": {**INPUT, "range": [0, 1, 2]}},
    "range that gives infinite pixels": {**GOOD, "input": {**INPUT, "range": [-1e308, 1e308]}},
    "range beyond float32": {**GOOD, "input": {**INPUT, "range": [0, 1e39]}},
    "range beyond a million": {**GOOD, "input": {**INPUT, "range": [0, 1_000_001]}},
    "range from below a million": {**GOOD, "input": {**INPUT, "range": [-1_000_001, 0]}},
    "range of a number that is no float": {**GOOD, "input": {**INPUT, "range": [0, 10**400]}},
    "range of equal pixels": {**GOOD, "input": {**INPUT, "range": [1, 1 + 1e-12]}},
    "range of numbers near nothing": {**GOOD, "input": {**INPUT, "range": [0, 5e-324]}},
    "range that is no number": {**GOOD, "input": {**INPUT, "range": [0, float("nan")]}},
    "endless range": {**GOOD, "input": {**INPUT, "range": [0, float("inf")]}},
    "another resize": {**GOOD, "input": {**INPUT, "resize": "nearest"}},
    "no classes": {**GOOD, "classes": []},
    "classes that are a text": {**GOOD, "classes": 7},
    "class twice": {**GOOD, "classes": ["clean", "clean"]},
    "class of two lines": {**GOOD, "classes": ["clean", "a\nb"]},
    "more answers than classes": {**GOOD, "topK": 4},
    "no answers": {**GOOD, "topK": 0},
    "a list": [GOOD],
    "nothing": None,
}


def test_a_manifest_is_read(tmp_path: Path) -> None:
    """A valid manifest gives all values."""
    path = tmp_path / "manifest.json"
    path.write_text(json.dumps(GOOD))
    assert manifest.read(path) == manifest.Manifest(
        format="tensorflow-saved-model",
        signature="serving_default",
        input=manifest.Input(
            width=128, height=96, channels="RGB", low=-1.0, high=1.0, resize="bilinear"
        ),
        top_k=2,
        classes=("clean", "scratch", "dent"),
    )


def test_a_manifest_names_either_engine(tmp_path: Path) -> None:
    """The format chooses the engine, and changes nothing else."""
    path = tmp_path / "manifest.json"
    path.write_text(json.dumps(GOOD))
    other = tmp_path / "other.json"
    other.write_text(json.dumps({**GOOD, "format": "litert"}))
    assert manifest.read(other) == dataclasses.replace(manifest.read(path), format="litert")


@pytest.mark.parametrize("decode", ["exact", "reduced"])
def test_a_manifest_may_set_the_decoding(decode: str, tmp_path: Path) -> None:
    """The default is exact; both values are allowed."""
    path = tmp_path / "manifest.json"
    path.write_text(json.dumps({**GOOD, "input": {**GOOD["input"], "decode": decode}}))
    assert manifest.read(path).input.decode == decode


@pytest.mark.parametrize("name", BAD)
def test_an_invalid_manifest_is_refused(name: str, tmp_path: Path) -> None:
    """Unknown or ambiguous values are refused."""
    path = tmp_path / "manifest.json"
    path.write_text(json.dumps(BAD[name]))
    with pytest.raises(WorkloadError, match=r"^model_manifest_invalid: "):
        manifest.read(path)


@pytest.mark.parametrize(
    "content",
    [b"", b"{", b"\xff\xfe", b"[" * 100_000, json.dumps(GOOD).encode() + b" " * 1024**2],
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
