"""A model that asks for more memory than there is ends with a code, for both engines."""

from __future__ import annotations

import dataclasses
import json
import signal
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest
import tensorflow as tf

from tests.fixtures.tiny_models import FORMATS, colours, save

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from workload.manifest import Manifest

RUN = """
import json, os, sys
from pathlib import Path
import numpy as np
from workload import memory_limit
from workload.engines import selection
from workload.errors import WorkloadError
from workload.manifest import Input, Manifest, Output
folder, manifest = sys.argv[1:]
values = json.loads(manifest)
parts = {"input": Input(**values["input"]), "output": Output(**values["output"])}
model_manifest = Manifest(**values | parts)
memory_limit.apply()
try:
    model = selection.load(Path(folder), model_manifest)
    shape = model_manifest.input.height, model_manifest.input.width, 3
    model.classify([np.full(shape, 0.5, np.float32)] * 16)
except WorkloadError as error:
    print(error.failure.code)
else:
    print("classified")
"""
HUGE = 2**20


def tiled(pictures: Any) -> Any:
    """Each number a million million times: terabytes."""
    return colours(pictures) + tf.reduce_sum(tf.tile(colours(pictures), (HUGE, HUGE)))


def filled(pictures: Any) -> Any:
    """Terabytes of one number; the size depends on the picture, so that nothing is known before."""
    size = tf.cast(tf.shape(pictures)[1], tf.int32) * HUGE
    return colours(pictures) + tf.reduce_sum(tf.fill((size, size), 1.0))


def resized(pictures: Any) -> Any:
    """A picture of a million times a million pixels."""
    return colours(tf.image.resize(pictures, (HUGE, HUGE)))


def multiplied(pictures: Any) -> Any:
    """Each pixel, two thousand times, multiplied with each."""
    flat = tf.reshape(tf.tile(pictures, (1, 50, 50, 1)), (-1,))
    return colours(pictures) + tf.reduce_sum(tf.einsum("i,j->ij", flat, flat))


CODES = ("run_out_of_memory", "model_unusable", "aborted")
"""The supervisor has a code for each signal."""


def ran(manifest: Manifest, folder: Path) -> str:
    """The end of a process that loads the model within its limit and classifies 16 pictures."""
    values = json.dumps(dataclasses.asdict(manifest))
    command = [sys.executable, "-W", "ignore", "-c", RUN, str(folder), values]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return "aborted" if done.returncode == -signal.SIGABRT else done.stdout.strip()


@pytest.mark.parametrize("manifest", FORMATS, ids=lambda manifest: manifest.format)
@pytest.mark.parametrize("function", [tiled, filled, resized, multiplied])
def test_a_model_that_asks_for_terabytes_ends_with_a_code(
    manifest: Manifest, function: Callable[[Any], Any], tmp_path: Path
) -> None:
    """The engine gets an error in place of memory, or aborts; each has a code."""
    # Any size: what does not depend on the picture is computed by the converter.
    save(manifest, tmp_path, function, (None, None, None, 3))
    assert ran(manifest, tmp_path) in CODES


@pytest.mark.parametrize("manifest", FORMATS, ids=lambda manifest: manifest.format)
def test_an_ordinary_model_fits_into_the_limit(manifest: Manifest, tmp_path: Path) -> None:
    """The same way ends in answers."""
    save(manifest, tmp_path, colours, (None, None, None, 3))
    assert ran(manifest, tmp_path) == "classified"
