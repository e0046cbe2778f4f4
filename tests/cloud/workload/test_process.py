"""The whole process `python -m workload`: killed, crashed, overtaken, and with expired tokens."""

from __future__ import annotations

import dataclasses
import json
import os
import resource
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from rehearsal.cloud.compute import metadata
from rehearsal.cloud.state import Bucket, Policy
from tests.cloud.federation import READER
from tests.cloud.workload.operations import (
    CONTENT,
    IAM,
    INPUT,
    LEND,
    MEMBER,
    MODEL,
    RESULT,
    STORAGE,
    STS,
    decisions,
    granted,
    opened,
    write_result,
)
from workload import credentials, settings, storage
from workload.errors import Failure
from workload.results import Results

if TYPE_CHECKING:
    from collections.abc import Callable

    from rehearsal.cloud.state import Cloud
    from tests.cloud.faults import Faults
    from tests.fixtures.retry_clock import Clock


# The client library keeps no hold of an answer that it asks again for, and closes none.
pytestmark = pytest.mark.filterwarnings("ignore:unclosed <ssl.SSLSocket:ResourceWarning")


def test_a_token_that_expires_in_the_middle_of_a_run_is_replaced(
    metadata_server: str, buckets: Cloud, clock: Clock, tmp_path: Path
) -> None:
    """Listed in the first hour, read in the second, written in the third: nothing fails."""
    assert metadata_server
    as_operator = storage.buckets_as(credentials.operator())
    (picture,) = as_operator(INPUT).pictures()
    buckets.clock_offset += metadata.LIFETIME + 1
    assert as_operator(INPUT).read(picture, 10**6) == CONTENT
    buckets.clock_offset += metadata.LIFETIME + 1
    write_result(as_operator(RESULT), tmp_path)
    assert buckets.buckets[RESULT].objects["a.png"].data == CONTENT
    assert len([token for token in buckets.tokens.values() if token.member == MEMBER]) == 3
    assert clock.waited == []


@pytest.fixture
def process(metadata_server: str, buckets: Cloud, launch: settings.Settings) -> dict[str, str]:
    """The environment of a whole workload whose model is not the agreed one."""
    reader = Policy(
        [{"role": "roles/storage.objectViewer", "members": [f"serviceAccount:{READER}"]}]
    )
    shown = buckets.buckets[INPUT]
    model = {"model.tar.gz": shown.objects["a.png"]}
    buckets.buckets[MODEL] = Bucket(MODEL, "primus-models", shown.meta, reader, model)
    return {
        **os.environ,
        "MODEL_URI": f"gs://{MODEL}/model.tar.gz",
        "MODEL_SHA256": "0" * 64,
        "MODEL_AUDIENCE": launch.model_audience,
        "MODEL_READER": launch.model_reader,
        "INPUT_URI": f"gs://{INPUT}",
        "RESULT_URI": f"gs://{RESULT}",
        "ATTESTATION_TOKEN_FILE": str(launch.token_file),
        "GRANT_SECONDS": "0",
        "GCE_METADATA_HOST": metadata_server,
        "GCE_METADATA_IP": metadata_server,
    }


def started(environment: dict[str, str]) -> subprocess.Popen[str]:
    """`python -m workload`."""
    command = [sys.executable, "-m", "workload"]
    return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True)


def test_a_run_without_a_writable_result_bucket_does_not_request_the_model(
    process: dict[str, str], buckets: Cloud, faults: Faults
) -> None:
    """Without the grant on the result bucket the run ends at its first step."""
    buckets.buckets[RESULT].policy.bindings.remove(granted("objectUser"))
    with started(process) as run:
        output, _ = run.communicate()
    assert (run.returncode, output) == (
        4,
        "results_not_writable: The result bucket can't be written to.\n",
    )
    assert (faults.count(STS), faults.count(IAM, LEND)) == (0, 0)
    assert decisions(buckets, "storage.objects.get") == []


def test_a_run_after_a_killed_run_writes_its_own_result(
    process: dict[str, str], buckets: Cloud, faults: Faults
) -> None:
    """Killed during the model's download: no earlier result stays; the next run writes its own."""
    objects = buckets.buckets[RESULT].objects
    objects["result"] = dataclasses.replace(objects["a.png"], data=b"of an earlier run")
    reached, go = faults.hold(STORAGE, "/o/model.tar.gz")
    try:
        with started(process) as run:
            reached.wait()
            run.kill()
    finally:
        go.set()
    assert "result" not in objects
    assert objects["results.jsonl"].data == b""
    with started(process) as run:
        output, _ = run.communicate()
    assert objects["result"].data.decode() == f"Error: {output}"
    assert output.startswith("model_hash_mismatch: ")


def the_run(first: subprocess.Popen[str]) -> int:
    """The child process that executes the run."""
    (pid,) = Path(f"/proc/{first.pid}/task/{first.pid}/children").read_text().split()
    return int(pid)


DEATHS: dict[str, tuple[Callable[[int], object], str]] = {
    "killed": (lambda pid: os.kill(pid, signal.SIGKILL), "run_killed: "),
    "crashed": (
        lambda pid: os.kill(pid, signal.SIGSEGV),
        "run_crashed: ",
    ),
    "without descriptors": (
        lambda pid: resource.prlimit(pid, resource.RLIMIT_NOFILE, (0, 0)),
        "internal_error: ",
    ),
}


@pytest.mark.parametrize("death", DEATHS)
def test_the_first_process_writes_the_result_of_a_dead_run(
    death: str, process: dict[str, str], buckets: Cloud, faults: Faults
) -> None:
    """During the model's download; the first process uses the operator's account."""
    hit, code = DEATHS[death]
    objects = buckets.buckets[RESULT].objects
    reached, go = faults.hold(STORAGE, "/o/model.tar.gz")
    try:
        with started(process) as first:
            reached.wait()
            hit(the_run(first))
            go.set()
            first.communicate()
    finally:
        go.set()
    assert objects["result"].data.decode().startswith(f"Error: {code}")
    assert json.loads(objects["results.jsonl"].data)["error"] == code.partition(":")[0]
    assert first.returncode == Failure[code.partition(":")[0].upper()].exit_code


def test_no_result_is_written_for_a_dead_run_after_another_run_has_started(
    process: dict[str, str], buckets: Cloud, faults: Faults, tmp_path: Path
) -> None:
    """The first process reports only its own run: here another one has started meanwhile."""
    reached, go = faults.hold(STORAGE, "/o/model.tar.gz")
    try:
        with started(process) as first:
            reached.wait()
            Results(opened(buckets, RESULT), tmp_path).begin()
            os.kill(the_run(first), signal.SIGKILL)
            go.set()
            first.communicate()
    finally:
        go.set()
    objects = buckets.buckets[RESULT].objects
    assert "result" not in objects
    assert objects["results.jsonl"].data == b""
