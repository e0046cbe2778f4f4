"""A folder with the files that the program reads, and the two companies deployed from it."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any

import pytest

from tests.fixtures import model_files
from tests.fixtures.stack_files import committed
from tests.graph.mocked import HANDOVER, Graph, deploy

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder holds a model, a picture of each kind and a build context."""
    (tmp_path / "model" / "pictures").mkdir(parents=True)
    model_files.write(tmp_path / "model")
    (tmp_path / "model" / "pictures" / "dent.jpg").write_bytes(b"jpeg")
    (tmp_path / "model" / "pictures" / "hole.png").write_bytes(b"png")
    (tmp_path / "workload").mkdir()
    (tmp_path / "workload" / "Dockerfile").write_text("FROM scratch\n")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@functools.cache
def as_committed(stack: str) -> Graph:
    """A company without any change; most tests only look at this one."""
    peer = {"handover": HANDOVER} if stack == "secundus" else None
    return deploy(stack, committed(stack), peer=peer)


@pytest.fixture
def primus() -> Callable[..., Graph]:
    """Deploys Primus as committed, with some keys replaced."""

    def run(*, preview: bool = False, **changes: Any) -> Graph:
        if not preview and not changes:
            return as_committed("primus")
        return deploy("primus", {**committed("primus"), **changes}, preview=preview)

    return run


@pytest.fixture
def secundus() -> Callable[..., Graph]:
    """Deploys Secundus as committed, with some keys replaced, beside a deployed Primus."""

    def run(*, preview: bool = False, peer: Any = None, **changes: Any) -> Graph:
        if not preview and not changes and peer is None:
            return as_committed("secundus")
        config = {**committed("secundus"), **changes}
        published = {"handover": HANDOVER} if peer is None else peer
        return deploy("secundus", config, preview=preview, peer=published or None)

    return run
