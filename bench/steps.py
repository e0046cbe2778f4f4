"""Measures each step of a picture separately: processor seconds of the workload's own code.

Their sum is the least cost of a picture, so cores divided by it limit the speed. It does not
contain the exchange between threads and processes, the start of the decoders, and the competition
of steps for caches.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench import local, process
from bench.subjects import TREE
from workload import archive, manifest, records
from workload.decoding import image_headers, pixels, upright
from workload.decoding.worker_process import ALLOCATION
from workload.engines import selection

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from bench.limits import Steps

PASSES = 3
"""The fastest pass counts: the others were interrupted."""
JPEG = "libjpeg-turbo"


def on_all_cores(packed: Path, pictures: Path, count: int) -> Steps:
    """Processor seconds of each step for one picture, while all cores do the same."""
    command = [sys.executable, "-m", "bench.steps", str(packed), str(pictures)]
    command += ["--count", str(count)]
    cores = len(os.sched_getaffinity(0))
    environment = {**os.environ, **local.LIKE_THE_IMAGE, **ALLOCATION}
    with ThreadPoolExecutor(cores) as pool:
        runs = [pool.submit(process.run, command, environment, TREE) for _ in range(cores)]
    measurements = [json.loads(each.result().printed.splitlines()[-1]) for each in runs]
    return {step: sum(each[step] for each in measurements) / cores for step in measurements[0]}


def _measured(packed: Path, files: list[Path], unpacked: Path) -> Steps:
    archive.unpack(packed, unpacked)
    model_manifest = manifest.read(unpacked / "manifest.json")
    model = selection.load(unpacked, model_manifest)
    model_input, buffer = model_manifest.input, pixels.Buffer()
    contents = [path.read_bytes() for path in files]
    checked = [image_headers.check(data) for data in contents]
    inputs = [pixels.decode(data, model_input, buffer) for data in contents]
    size = model_manifest.batch
    batches = [inputs[at : at + size] for at in range(0, len(inputs), size)]
    picture = records.Picture(name=files[0].name, generation="1", sha256="0" * 64)
    (scores, *_) = model.classify(batches[0])
    seconds_by_step = {
        "read": _seconds(Path.read_bytes, files),
        "SHA-256": _seconds(lambda data: hashlib.sha256(data).digest(), contents),
        "header": _seconds(image_headers.check, contents),
        JPEG: _seconds(lambda header: upright.decode(header, model_input, buffer), checked),
        "resize": _seconds(lambda data: pixels.decode(data, model_input, buffer), contents),
        "predict": _seconds(model.classify, batches),
        "record": _seconds(lambda _: records.line(records.record(picture, scores)), contents),
    }
    # `decode` contains the other two steps.
    seconds_by_step["resize"] -= seconds_by_step["header"] + seconds_by_step[JPEG]
    return {step: seconds / len(files) for step, seconds in seconds_by_step.items()}


def _seconds(step: Callable[[Any], object], contents: Iterable[Any]) -> float:
    passes = []
    for _ in range(PASSES):
        begin = time.process_time()
        for each in contents:
            step(each)
        passes.append(time.process_time() - begin)
    return min(passes)


def main() -> None:
    """Measures in this process; prints a line of JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("archive", type=Path)
    parser.add_argument("pictures", type=Path)
    parser.add_argument("--count", type=int, required=True, help="how many pictures")
    arguments = parser.parse_args()
    files = sorted(arguments.pictures.iterdir())[: arguments.count]
    with tempfile.TemporaryDirectory() as private:
        sys.stdout.write(
            json.dumps(_measured(arguments.archive, files, Path(private) / "m")) + "\n"
        )


if __name__ == "__main__":
    main()
