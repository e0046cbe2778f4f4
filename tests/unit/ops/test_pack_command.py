"""The command `pack`: its exit codes, its errors, and what it prints of a packed model."""

from __future__ import annotations

import io
import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from ops import cli, pack_table
from ops.terminal import Terminal
from packing.errors import PackError
from packing.facts import Fact
from workload.records import Score

ROW = SimpleNamespace(
    picture="a.png",
    original=Score(1, "scratch", 0.75),
    packed=Score(1, "scratch", 0.74999),
    difference=1e-5,
)


def packed(*, succeeded: bool = True, agrees: bool = True, varied: bool = True) -> Any:
    """What `packing.pack` gives."""
    comparison = SimpleNamespace(
        rows=(ROW,) * 12,
        same_class=12,
        largest_difference=1e-5,
        pictures_per_second=123.4,
        agrees=agrees,
        varied=varied,
    )
    facts = (
        Fact("input.range", [0, 255], "the input's type"),
        Fact("classes", ["a", "b", "c", "d"], "--labels x"),
        Fact("name", "m", "the file's name"),
    )
    return SimpleNamespace(
        folder=Path("packed"),
        format="litert",
        facts=facts,
        comparison=comparison,
        sampled=False,
        bytes=1024**2,
        sha256="c3" * 32,
        seconds_to_load=0.5,
        succeeded=succeeded,
    )


@pytest.fixture
def packing(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The module that packs, which imports TensorFlow, replaced by one that a test fills."""
    module = ModuleType("packing.pack")
    monkeypatch.setitem(sys.modules, "packing.pack", module)
    return module


def shown(of: Any) -> str:
    """What the command prints of a packed model."""
    file = io.StringIO()
    pack_table.show(Terminal(file=file, width=200), of)
    return file.getvalue()


@pytest.mark.parametrize(("succeeded", "code"), [(True, 0), (False, 1)])
def test_the_exit_code_says_whether_the_answers_are_the_models(
    succeeded: bool, code: int, packing: ModuleType, capsys: pytest.CaptureFixture[str]
) -> None:
    """0: the same; 1: packed, but the answers differ."""
    given: list[Any] = []

    def pack(options: Any, said: Any, progress: Any) -> Any:
        given.extend((options, said))
        progress("opening m.keras")
        return packed(succeeded=succeeded)

    packing.pack = pack  # type: ignore[attr-defined]  # a new module
    arguments = ["pack", "m.keras", "--output", "packed", "--range", "0", "1", "--size", "96x64"]
    assert cli.main(arguments) == code
    assert given[0].model == Path("m.keras")
    assert given[1].size == (96, 64)
    assert given[1].input == {"range": [0.0, 1.0]}
    printed = capsys.readouterr()
    assert "opening m.keras" in printed.err
    assert "1.0 MB, SHA-256 c3c3" in printed.out


def test_a_model_that_cannot_be_packed_is_an_error(
    packing: ModuleType, capsys: pytest.CaptureFixture[str]
) -> None:
    """Exit code 2, and the message that says why."""

    def pack(*_: Any) -> Any:
        raise PackError("range: got no sign of it in the model")

    packing.pack = pack  # type: ignore[attr-defined]  # a new module
    assert cli.main(["pack", "m.keras", "--output", "packed"]) == 2
    assert "error: range: got no sign of it" in capsys.readouterr().err


def test_without_tensorflow_the_command_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The other commands do not need it."""
    monkeypatch.setitem(sys.modules, "packing.pack", None)
    assert cli.main(["pack", "m.keras", "--output", "packed"]) == 2
    assert "pip install --require-hashes -r requirements-pack.txt" in capsys.readouterr().err


@pytest.mark.parametrize("size", ["96", "96x", "axb", "96x64x3"])
def test_a_size_has_two_sides(size: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Anything else is an error of the command line."""
    with pytest.raises(SystemExit):
        cli.main(["pack", "m.keras", "--output", "packed", "--size", size])
    assert f"got {size}, expected WIDTHxHEIGHT" in capsys.readouterr().err


def test_the_table_has_values_with_their_sources_and_the_next_step() -> None:
    """And the first pictures of the comparison."""
    text = shown(packed())
    assert "the input's type" in text
    assert "4: a, b, c …" in text
    assert text.count("a.png") == 10
    assert "12 of 12 drawn pictures in the same class, scores at most 1.0e-05 apart" in text
    archive = Path.cwd() / "packed" / "model.tar.gz"
    assert f"'confidential-inference:model.archive' {archive}" in text


@pytest.mark.parametrize(
    ("of", "words"),
    [
        (packed(agrees=False), "quantisation costs this much"),
        (packed(agrees=False, succeeded=False), "NOT the same model"),
        (packed(varied=False), "the comparison shows nothing"),
    ],
)
def test_a_doubtful_comparison_is_said(of: Any, words: str) -> None:
    """Different answers, or the same answer for every picture."""
    assert words in shown(of)
