"""What there is to measure: found by name in the workload and beside the model, never invented.

A subject that the tree does not have is told as missing, and its figures with it.
"""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path

TREE = Path(__file__).parent.parent
"""The program whose workload is measured: this one."""


class Engine(StrEnum):
    """The two engines, by the name of the column."""

    TENSORFLOW = "TensorFlow"
    LITERT = "LiteRT"


ARCHIVES = {
    Engine.TENSORFLOW: TREE / "model" / "model.tar.gz",
    Engine.LITERT: TREE / "model" / "model-litert.tar.gz",
}
LOCKS = {
    Engine.TENSORFLOW: TREE / "workload" / "requirements.txt",
    Engine.LITERT: TREE / "workload" / "requirements-litert.txt",
}


def missing(engine: Engine) -> str:
    """Why an engine cannot be measured; empty if it can."""
    if not ARCHIVES[engine].exists():
        return f"no model/{ARCHIVES[engine].name}"
    return ""
