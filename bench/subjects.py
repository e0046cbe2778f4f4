"""The engines that can be measured, with their archives and lock files, and their peers.

If an archive does not exist, its figures are reported as missing.
"""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path

TREE = Path(__file__).parent.parent
"""The root of the repository."""


class Engine(StrEnum):
    """The two engines; the values are headings of columns."""

    TENSORFLOW = "TensorFlow"
    LITERT = "LiteRT"


class Peer(StrEnum):
    """What a user would pick instead; the values are names for readers."""

    KERAS = "Keras predict"
    ONNX = "ONNX Runtime"
    TF_DATA = "tf.data"


MODULES = {
    Peer.KERAS: "bench.peers.keras_predict",
    Peer.ONNX: "bench.peers.onnx_runtime",
    Peer.TF_DATA: "bench.peers.tf_data",
}
EXACT_PEERS = (Peer.KERAS, Peer.TF_DATA)
"""Their pixels are those of the workload, and of the naive loop."""

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
