"""Which requests the workload retries, over HTTP, and which it does not.

Time passes only where a retry waits (`Clock`): the sums are what a run would wait.
"""

from __future__ import annotations

import asyncio
import dataclasses
import gc
import hashlib
import json
import os
import resource
import signal
import subprocess
import sys
import threading
from pathlib import Path
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any

import pytest
from google.auth.compute_engine import _metadata
from google.oauth2.credentials import Credentials

from rehearsal.cloud.compute import metadata
from rehearsal.cloud.confidential_space import container
from rehearsal.cloud.http.server import running
from rehearsal.cloud.iam.credentials import GET_ACCESS_TOKEN
from rehearsal.cloud.state import Bucket, Instance, Policy
from rehearsal.cloud.sts import EXCHANGE
from tests.cloud.faults import FOREVER, Faults
from tests.cloud.test_sts import AUDIENCE, BY_DIGEST, READER, Federation
from tests.fixtures.retry_clock import Clock
from workload import credentials, retries, settings, storage
from workload.errors import BucketError, BusyError, Failure, WorkloadError
from workload.records import Picture
from workload.results import Results

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from google.cloud.storage import Client

    from rehearsal.cloud.http.server import LocalCloud
    from rehearsal.cloud.state import Binding, Cloud

    Operation = Callable[[storage.Bucket, Path], None]

STS, IAM, STORAGE = (f"{name}.googleapis.com" for name in ("sts", "iamcredentials", "storage"))
LEND = ":generateAccessToken"
ACCOUNT = "workload-sa@secundus-vision.iam.gserviceaccount.com"
MEMBER = f"serviceAccount:{ACCOUNT}"
INPUT, RESULT = "secundus-vision-input-bucket", "secundus-vision-result-bucket"
MODEL = "primus-models-model-bucket"
CONTENT = bytes(range(256)) * 1000
TRANSIENT: dict[str, Callable[..., None]] = {
    "429": lambda faults, *at, **times: faults.answer(429, *at, **times),
    "500": lambda faults, *at, **times: faults.answer(500, *at, **times),
    "503": lambda faults, *at, **times: faults.answer(503, *at, **times),
    "dropped": Faults.drop,
}
# The client library keeps no hold of an answer that it asks again for, and closes none.
pytestmark = pytest.mark.filterwarnings("ignore:unclosed <ssl.SSLSocket:ResourceWarning")

ROLES = {INPUT: "objectViewer", RESULT: "objectUser"}


@pytest.fixture(scope="module")
def planned() -> Faults:
    """The faults of this module's cloud."""
    return Faults()


@pytest.fixture(scope="module")
def _shared(planned: Faults) -> Iterator[LocalCloud]:
    with running(middleware=planned.middleware) as local:
        yield local
        gc.collect()  # while the warnings of `pytestmark` are expected


@pytest.fixture
def faults(planned: Faults) -> Faults:
    """No faults at the start of a test."""
    planned.clear()
    return planned


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """The clock by which retries wait."""
    clock = Clock()
    clock.install(monkeypatch)
    return clock


@pytest.fixture
def federation(local: LocalCloud, faults: Faults) -> Federation:
    """A federation in which the token is admitted, and becomes the model's reader."""
    assert not faults.asked
    federation = Federation(local)
    federation.grant(BY_DIGEST)
    return federation


@pytest.fixture
def launch(federation: Federation, tmp_path: Path) -> settings.Settings:
    """A launch whose token the federation admits."""
    token = tmp_path / "token"
    token.write_text(federation.issuer.sign(federation.claims))
    return settings.Settings(
        model_bucket=MODEL,
        model_object="model.tar.gz",
        model_sha256=hashlib.sha256(CONTENT).hexdigest(),
        model_audience=AUDIENCE,
        model_reader=READER,
        input_bucket=INPUT,
        result_bucket=RESULT,
        token_file=token,
        grant_seconds=settings.GRANT_SECONDS,
    )


def decisions(cloud: Cloud, permission: str) -> list[bool]:
    """The decisions about a permission in the audit log, in order."""
    return [entry.allowed for entry in cloud.audit if entry.permission == permission]


@pytest.mark.parametrize("fault", TRANSIENT)
def test_a_transient_failure_of_the_exchange_is_retried(
    fault: str, faults: Faults, launch: settings.Settings, clock: Clock
) -> None:
    """After three failures the exchange succeeds; each retry waited."""
    TRANSIENT[fault](faults, STS, times=3)
    assert credentials.model_reader(launch).valid
    assert (faults.count(STS), faults.count(IAM, LEND), len(clock.waited)) == (4, 1, 3)


@pytest.mark.parametrize("fault", TRANSIENT)
def test_a_transient_failure_of_the_impersonation_is_retried(
    fault: str, faults: Faults, launch: settings.Settings, clock: Clock
) -> None:
    """The federated token is reused: there is one exchange."""
    TRANSIENT[fault](faults, IAM, LEND, times=3)
    assert credentials.model_reader(launch).valid
    assert (faults.count(STS), faults.count(IAM, LEND), len(clock.waited)) == (1, 4, 3)


def test_a_request_that_times_out_is_retried(
    faults: Faults, launch: settings.Settings, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A request without an answer times out and is sent again."""
    monkeypatch.setattr(credentials, "RESPONSE_SECONDS", 0.2)
    _, go = faults.hold(STS)
    try:
        assert credentials.model_reader(launch).valid
    finally:
        go.set()
    assert len(clock.waited) == 1


@pytest.mark.parametrize(
    ("status", "body", "code"),
    [
        (503, "busy", "release_failed: The credentials for the model could not be had."),
        (429, {"error": "quota_exceeded"}, "release_failed: The quota of the token service is"),
    ],
)
def test_retries_of_a_busy_service_end(
    status: int, body: Any, code: str, faults: Faults, launch: settings.Settings, clock: Clock
) -> None:
    """After the time limit, the last answer decides the error."""
    faults.answer(status, STS, times=FOREVER, body=body)
    with pytest.raises(WorkloadError, match=f"^{code}"):
        credentials.model_reader(launch)
    assert settings.GRANT_SECONDS - 60 < sum(clock.waited) <= settings.GRANT_SECONDS


def test_waits_between_retries_double_and_are_random(
    faults: Faults, launch: settings.Settings, clock: Clock
) -> None:
    """Machines do not retry in step: waits are random, up to twice 1, 2, 4, 8 s, at most 30 s."""
    faults.answer(503, STS, times=FOREVER)
    with pytest.raises(WorkloadError):
        credentials.model_reader(launch)
    limits = [2.0, 4.0, 8.0, 16.0, *[30.0] * len(clock.waited)]
    assert all(wait <= limit for wait, limit in zip(clock.waited, limits, strict=False))
    assert len(set(clock.waited[:4])) == 4
    assert max(clock.waited) > limits[0]


def test_the_run_waits_for_a_grant_that_is_not_in_force_yet(
    faults: Faults, federation: Federation, launch: settings.Settings
) -> None:
    """IAM refuses twice, then the grant is in force: the run continues, with one exchange."""
    federation.grant("user:somebody@else.example")
    for operation in (lambda: None, lambda: None, lambda: federation.grant(BY_DIGEST)):
        faults.before(IAM, LEND, operation)
    assert credentials.model_reader(launch).valid
    assert decisions(federation.cloud, EXCHANGE) == [True]
    assert decisions(federation.cloud, GET_ACCESS_TOKEN) == [False, False, True]


def test_the_wait_for_a_grant_ends(
    federation: Federation, launch: settings.Settings, clock: Clock
) -> None:
    """After the documented maximum, the grant does not exist."""
    federation.grant("user:somebody@else.example")
    with pytest.raises(WorkloadError, match=r"^impersonation_refused: "):
        credentials.model_reader(launch)
    assert settings.GRANT_SECONDS - 60 < sum(clock.waited) <= settings.GRANT_SECONDS
    assert decisions(federation.cloud, EXCHANGE) == [True]


def test_without_grant_seconds_the_run_does_not_wait_for_a_grant(
    federation: Federation, launch: settings.Settings, clock: Clock
) -> None:
    """On the local cloud, grants are immediate, so a refusal by IAM is final."""
    federation.grant("user:somebody@else.example")
    with pytest.raises(WorkloadError, match=r"^impersonation_refused: "):
        credentials.model_reader(dataclasses.replace(launch, grant_seconds=0))
    assert decisions(federation.cloud, GET_ACCESS_TOKEN) == [False]
    assert clock.waited == []


def test_another_refusal_by_iam_is_not_retried(
    faults: Faults, launch: settings.Settings, clock: Clock
) -> None:
    """A disabled API is not a missing grant."""
    off = {
        "error": {"code": 403, "message": "API has not been used", "status": "PERMISSION_DENIED"}
    }
    faults.answer(403, IAM, LEND, body=off)
    with pytest.raises(WorkloadError, match=r"^impersonation_refused: "):
        credentials.model_reader(launch)
    assert (faults.count(IAM, LEND), clock.waited) == (1, [])


@pytest.mark.parametrize(
    ("code", "change"),
    [
        ("release_refused", lambda f: f.provider.doc.update(attributeCondition="assertion.x == 1")),
        ("token_rejected", lambda f: setattr(f.cloud, "clock_offset", 7200)),
        ("token_rejected", lambda f: f.provider.doc["oidc"].update(allowedAudiences=["other"])),
        ("provider_unavailable", lambda f: f.provider.doc.update(disabled=True)),
    ],
    ids=["condition", "stale", "audience", "disabled"],
)
def test_a_refusal_by_the_token_service_is_not_retried(
    code: str,
    change: Callable[[Federation], None],
    federation: Federation,
    launch: settings.Settings,
    clock: Clock,
) -> None:
    """The audit log has one entry, and the run does not wait."""
    change(federation)
    with pytest.raises(WorkloadError, match=f"^{code}: "):
        credentials.model_reader(launch)
    assert decisions(federation.cloud, EXCHANGE) == [False]
    assert clock.waited == []


def test_a_refusal_by_the_condition_with_status_403_is_not_retried(
    faults: Faults, launch: settings.Settings, clock: Clock
) -> None:
    """The condition's refusal is final, even with the status of a missing grant."""
    rejected = {
        "error": "unauthorized_client",
        "error_description": "The given credential is rejected by the attribute condition.",
    }
    faults.answer(403, STS, body=rejected)
    with pytest.raises(WorkloadError, match=r"^release_refused: "):
        credentials.model_reader(launch)
    assert (faults.count(STS), clock.waited) == (1, [])


def test_each_exchange_reads_the_token_file_again(
    faults: Faults, launch: settings.Settings, federation: Federation
) -> None:
    """The launcher refreshes the file: a retry sends its current content."""
    fresh = launch.token_file.read_text()
    launch.token_file.write_text("stale")
    faults.answer(503, STS, meanwhile=lambda: launch.token_file.write_text(fresh))
    assert credentials.model_reader(launch).valid
    assert decisions(federation.cloud, EXCHANGE) == [True]


@pytest.fixture
def buckets(owner: Client, cloud: Cloud, faults: Faults) -> Cloud:
    """Secundus' two buckets, with the roles of the workload's account."""
    for name, role in ROLES.items():
        owner.create_bucket(name, location="us-west1")
        cloud.buckets[name].policy.bindings.append(granted(role))
        owner.bucket(name).blob("a.png").upload_from_string(CONTENT)
    cloud.audit.clear()
    faults.clear()
    return cloud


def granted(role: str) -> Binding:
    """A role of the workload's account."""
    return {"role": f"roles/storage.{role}", "members": [MEMBER]}


def opened(cloud: Cloud, name: str, grant_seconds: float = 0) -> storage.Bucket:
    """A bucket as the workload's account sees it."""
    identity = Credentials(cloud.mint(MEMBER))  # type: ignore[no-untyped-call]  # has no types
    return storage.buckets_as(identity, grant_seconds)(name)


def list_pictures(bucket: storage.Bucket, _: Path) -> None:
    """Lists the one picture."""
    assert [picture.name for picture in bucket.pictures()] == ["a.png"]


def fetch_picture(bucket: storage.Bucket, folder: Path) -> None:
    """Downloads it, whole."""
    assert bucket.fetch("a.png", folder / "a", 10**6) == hashlib.sha256(CONTENT).hexdigest()
    assert (folder / "a").read_bytes() == CONTENT


def write_result(bucket: storage.Bucket, folder: Path) -> None:
    """Overwrites it."""
    (folder / "new").write_bytes(CONTENT)
    bucket.write("a.png", folder / "new", "image/png")


def delete_result(bucket: storage.Bucket, _: Path) -> None:
    """Deletes it."""
    bucket.remove("a.png")


OPERATIONS: dict[Operation, tuple[str, str, str]] = {
    list_pictures: (INPUT, "/o", "storage.objects.list"),
    fetch_picture: (INPUT, "/o/a.png", "storage.objects.get"),
    write_result: (RESULT, "/upload/", "storage.objects.create"),
    delete_result: (RESULT, "/o/a.png", "storage.objects.delete"),
}
"""What the job does with a bucket: in which bucket, at which path, with which permission."""


@pytest.mark.parametrize("fault", TRANSIENT)
@pytest.mark.parametrize("operation", OPERATIONS)
def test_a_transient_failure_of_storage_is_retried(
    operation: Operation,
    fault: str,
    buckets: Cloud,
    faults: Faults,
    clock: Clock,
    tmp_path: Path,
) -> None:
    """After three failures the request succeeds; each retry waited."""
    name, path, _ = OPERATIONS[operation]
    TRANSIENT[fault](faults, STORAGE, path, times=3)
    operation(opened(buckets, name), tmp_path)
    assert (faults.count(STORAGE, path), len(clock.waited)) == (4, 3)


@pytest.mark.parametrize("operation", [write_result, delete_result])
def test_a_change_whose_answer_was_lost_is_repeated_safely(
    operation: Operation,
    buckets: Cloud,
    faults: Faults,
    tmp_path: Path,
) -> None:
    """Only the answer was lost: repeating the change gives the same state."""
    _, path, permission = OPERATIONS[operation]
    faults.forget(STORAGE, path)
    operation(opened(buckets, RESULT), tmp_path)
    assert decisions(buckets, permission)[0]
    assert faults.count(STORAGE, path) == 2
    objects = buckets.buckets[RESULT].objects
    assert {name: stored.data for name, stored in objects.items()} == (
        {"a.png": CONTENT} if operation is write_result else {}
    )


def test_a_repeated_write_returns_the_current_generation(
    buckets: Cloud, faults: Faults, tmp_path: Path
) -> None:
    """So a run does not mistake its own repeated write for another run's."""
    (tmp_path / "new").write_bytes(CONTENT)
    faults.forget(STORAGE, "/upload/")
    bucket = opened(buckets, RESULT)
    assert bucket.write("a.png", tmp_path / "new", "image/png") == bucket.generation("a.png")


def test_a_broken_download_is_resumed(buckets: Cloud, faults: Faults, tmp_path: Path) -> None:
    """After two breaks in the middle, the file is complete and its hash is right."""
    for _ in range(2):
        faults.cut(STORAGE, "/o/a.png", after=50_000)
    fetch_picture(opened(buckets, INPUT), tmp_path)
    assert faults.count(STORAGE, "/o/a.png") == 3


def test_a_broken_large_upload_is_resumed(buckets: Cloud, faults: Faults, tmp_path: Path) -> None:
    """The library uploads large objects in chunks, and resumes at the broken one."""
    (tmp_path / "large").write_bytes(CONTENT * 40)
    faults.forget(STORAGE, "uploadType=resumable")
    faults.before(STORAGE, "uploadType=resumable", lambda: None)
    faults.drop(STORAGE, "upload_id=", times=2)
    opened(buckets, RESULT).write("large", tmp_path / "large", "application/jsonl")
    assert buckets.buckets[RESULT].objects["large"].data == CONTENT * 40
    assert faults.count(STORAGE, "upload_id=") == 2 + -(-len(CONTENT * 40) // storage.UPLOAD_BYTES)


@pytest.mark.parametrize("operation", OPERATIONS)
def test_retries_of_a_busy_bucket_end(
    operation: Operation,
    buckets: Cloud,
    faults: Faults,
    clock: Clock,
    tmp_path: Path,
) -> None:
    """After two minutes of retries the request is a BucketError."""
    name, path, _ = OPERATIONS[operation]
    faults.answer(503, STORAGE, path, times=FOREVER)
    with pytest.raises(BucketError):
        operation(opened(buckets, name), tmp_path)
    assert 60 < sum(clock.waited) <= 120


def waited(bucket: storage.Bucket, clock: Clock) -> float:
    """How long the retries for a picture wait until it fails."""
    before = sum(clock.waited)
    with pytest.raises(BucketError):
        bucket.read(Picture(name="a.png", generation="1"), 10**6)
    return sum(clock.waited) - before


def test_after_many_failed_retries_requests_are_not_retried(
    buckets: Cloud, faults: Faults, clock: Clock
) -> None:
    """As many as are on their way at once wait their two minutes; the next one ends the run.

    Ten thousand pictures of a bucket that stays busy would have waited for ten hours.
    """
    bucket = opened(buckets, INPUT)
    faults.answer(503, STORAGE, "/o/a.png", times=FOREVER)
    assert min(waited(bucket, clock) for _ in range(retries.MAX_FAILURES)) > 60
    asked = faults.count(STORAGE, "/o/a.png")
    with pytest.raises(BusyError):
        bucket.read(Picture(name="a.png", generation="1"), 10**6)
    assert (waited(bucket, clock), faults.count(STORAGE, "/o/a.png")) == (0, asked + 2)


def test_successful_requests_allow_retries_again(
    buckets: Cloud, faults: Faults, clock: Clock, tmp_path: Path
) -> None:
    """A hundred successful requests allow the retries of one more picture."""
    bucket = opened(buckets, INPUT)
    faults.answer(503, STORAGE, "/o/a.png", times=FOREVER)
    for _ in range(retries.MAX_FAILURES):
        waited(bucket, clock)
    faults.clear()
    for number in range(retries.SUCCESSES_PER_RETRY + 1):
        bucket.fetch("a.png", tmp_path / f"{number}", 10**6)
    faults.answer(503, STORAGE, "/o/a.png", times=FOREVER)
    assert waited(bucket, clock) > 60
    assert waited(bucket, clock) == 0


def test_a_refused_request_is_not_retried_and_uses_no_retry_budget(
    buckets: Cloud, faults: Faults, clock: Clock
) -> None:
    """A refusal fails one picture, however many refusals there are."""
    bucket = opened(buckets, INPUT)
    faults.answer(403, STORAGE, "/o/a.png", times=2 * retries.MAX_FAILURES)
    for _ in range(2 * retries.MAX_FAILURES):
        assert waited(bucket, clock) == 0
    faults.answer(503, STORAGE, "/o/a.png", times=FOREVER)
    assert waited(bucket, clock) > 60


@pytest.mark.parametrize("operation", OPERATIONS)
def test_a_request_waits_for_a_buckets_grant(
    operation: Operation,
    buckets: Cloud,
    faults: Faults,
    tmp_path: Path,
) -> None:
    """The first request to a bucket is refused twice, then the grant is in force."""
    name, path, permission = OPERATIONS[operation]
    policy = buckets.buckets[name].policy
    policy.bindings.remove(granted(ROLES[name]))
    for do in (lambda: None, lambda: None, lambda: policy.bindings.append(granted(ROLES[name]))):
        faults.before(STORAGE, path, do)
    operation(opened(buckets, name, settings.GRANT_SECONDS), tmp_path)
    assert decisions(buckets, permission)[:3] == [False, False, True]


@pytest.mark.parametrize("operation", OPERATIONS)
def test_the_wait_for_a_buckets_grant_ends(
    operation: Operation,
    buckets: Cloud,
    clock: Clock,
    tmp_path: Path,
) -> None:
    """After the documented maximum, the grant does not exist."""
    name, _, _ = OPERATIONS[operation]
    buckets.buckets[name].policy.bindings.remove(granted(ROLES[name]))
    with pytest.raises(BucketError):
        operation(opened(buckets, name, settings.GRANT_SECONDS), tmp_path)
    assert settings.GRANT_SECONDS - 60 < sum(clock.waited) <= settings.GRANT_SECONDS


@pytest.mark.parametrize(
    ("first", "then"), [(list_pictures, fetch_picture), (write_result, delete_result)]
)
def test_after_a_first_success_a_refusal_is_final(
    first: Operation,
    then: Operation,
    buckets: Cloud,
    faults: Faults,
    clock: Clock,
    tmp_path: Path,
) -> None:
    """The run does not wait for a grant that is removed in the middle of it."""
    name, path, _ = OPERATIONS[then]
    bucket = opened(buckets, name, settings.GRANT_SECONDS)
    first(bucket, tmp_path)
    buckets.buckets[name].policy.bindings.remove(granted(ROLES[name]))
    before = faults.count(STORAGE, path)
    with pytest.raises(BucketError):
        then(bucket, tmp_path)
    assert (faults.count(STORAGE, path) - before, clock.waited) == (1, [])


def test_a_missing_object_is_not_retried(
    buckets: Cloud, faults: Faults, clock: Clock, tmp_path: Path
) -> None:
    """Even while the run waits for grants, a missing object is an error at once."""
    with pytest.raises(BucketError):
        opened(buckets, INPUT, settings.GRANT_SECONDS).fetch("none", tmp_path / "none", 100)
    assert (faults.count(STORAGE, "/o/none"), clock.waited) == (1, [])


@pytest.fixture
def metadata_server(local: LocalCloud, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The metadata server of a machine that runs as the workload's account."""
    doc = {"serviceAccounts": [{"email": ACCOUNT}]}
    machine = Instance("4711", "secundus-vision", "us-west1-b", "workload-vm", doc)
    address: SimpleQueue[str] = SimpleQueue()
    done = threading.Event()

    async def life() -> None:
        async with container.metadata_server(local.cloud, machine) as at:
            address.put(at)
            await asyncio.to_thread(done.wait)

    thread = threading.Thread(target=lambda: asyncio.run(life()))
    thread.start()
    try:
        at = address.get()
        # google-auth reads its environment when it is imported.
        monkeypatch.setattr(_metadata, "_GCE_METADATA_HOST", at)
        monkeypatch.setenv("GCE_METADATA_IP", at)
        yield at
    finally:
        done.set()
        thread.join()


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
