"""Converts the SavedModel for ONNX Runtime, once a measurement, by `tf2onnx`.

Its packages go to a folder of their own, with the versions and hashes of `tf2onnx.txt`; everything
they need besides is in the development environment.
"""

from __future__ import annotations

import hashlib
import os
import sys
from pathlib import Path

from bench import process

PACKAGES = Path(__file__).with_name("tf2onnx.txt")
ONNX = "model.onnx"


def convert(model: Path, signature: str, cache: Path) -> Path:
    """Adds `model.onnx` to an unpacked archive; FailedError with the output of what failed."""
    environment = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"}
    python = [sys.executable, "-m"]
    folder = cache / f"tf2onnx-{hashlib.sha256(PACKAGES.read_bytes()).hexdigest()[:12]}"
    if not folder.exists():
        half = folder.with_name(f".{folder.name}-{os.getpid()}")
        install = ["uv", "pip", "install", "--quiet", "--no-deps", "--require-hashes"]
        install += ["--target", str(half), "-r", str(PACKAGES)]
        process.run(python + install, environment, cache)
        half.rename(folder)
    command = ["tf2onnx.convert", "--saved-model", str(model / "saved_model")]
    command += ["--signature_def", signature, "--output", str(model / ONNX)]
    process.run(python + command, {**environment, "PYTHONPATH": str(folder)}, cache)
    return model / ONNX
