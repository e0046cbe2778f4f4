"""What the workload asks for again, over HTTP, and what it asks for once.

Time passes only where a retry waits (`faults.Clock`): the sums are what a run would wait.
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
from rehearsal.cloud.state import Bucket, Instance, Policy
from rehearsal.cloud.sts import EXCHANGE, GET_ACCESS_TOKEN
from tests.cloud.faults import FOREVER, Clock, Faults
from tests.cloud.test_sts import AUDIENCE, BY_DIGEST, READER, Federation
from workload import credentials, retries, settings, storage
from workload.errors import BucketError, BusyError, Failure, WorkloadError
from workload.records import Picture
from workload.results import Results

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from google.cloud.storage import Client

    from rehearsal.cloud.http.server import LocalCloud
    from rehearsal.cloud.state import Binding, Cloud

    Does = Callable[[storage.Bucket, Path], None]

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
    """None so far."""
    planned.clear()
    return planned


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """The time that retries wait by."""
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
    """What the audit log holds about a permission, in order."""
    return [entry.allowed for entry in cloud.audit if entry.permission == permission]


@pytest.mark.parametrize("fault", TRANSIENT)
def test_a_transient_failure_of_the_exchange_is_retried(
    fault: str, faults: Faults, launch: settings.Settings, clock: Clock
) -> None:
    """Three times busy or cut off, and the model's reader is there; each try waited."""
    TRANSIENT[fault](faults, STS, times=3)
    assert credentials.model_reader(launch).valid
    assert (faults.count(STS), faults.count(IAM, LEND), len(clock.waited)) == (4, 1, 3)


@pytest.mark.parametrize("fault", TRANSIENT)
def test_a_transient_failure_of_the_impersonation_is_retried(
    fault: str, faults: Faults, launch: settings.Settings, clock: Clock
) -> None:
    """The federated token is kept meanwhile: one exchange."""
    TRANSIENT[fault](faults, IAM, LEND, times=3)
    assert credentials.model_reader(launch).valid
    assert (faults.count(STS), faults.count(IAM, LEND), len(clock.waited)) == (1, 4, 3)


def test_a_request_that_times_out_is_retried(
    faults: Faults, launch: settings.Settings, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A service that says nothing is given up after a while, and asked anew."""
    monkeypatch.setattr(credentials, "RESPONSE_SECONDS", 0.2)
    _, go = faults.hold(STS)
    try:
        assert credentials.model_reader(launch).valid
    finally:
        go.set()
    assert len(clock.waited) == 1


@pytest.mark.parametrize(
    ("status", "body", "told"),
    [
        (503, "busy", "release_failed: The credentials for the model could not be had."),
        (429, {"error": "quota_exceeded"}, "release_failed: The quota of the token service is"),
    ],
)
def test_retries_of_a_busy_service_end(
    status: int, body: Any, told: str, faults: Faults, launch: settings.Settings, clock: Clock
) -> None:
    """After the stated time the last answer is what is told."""
    faults.answer(status, STS, times=FOREVER, body=body)
    with pytest.raises(WorkloadError, match=f"^{told}"):
        credentials.model_reader(launch)
    assert settings.GRANT_SECONDS - 60 < sum(clock.waited) <= settings.GRANT_SECONDS


def test_waits_between_retries_double_and_are_random(
    faults: Faults, launch: settings.Settings, clock: Clock
) -> None:
    """No two machines ask in step: a wait is random, up to twice 1, 2, 4, 8 s, and 30 s at most."""
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
    """IAM refuses twice, then the grant is there: the run goes on, with its one exchange."""
    federation.grant("user:somebody@else.example")
    for does in (lambda: None, lambda: None, lambda: federation.grant(BY_DIGEST)):
        faults.before(IAM, LEND, does)
    assert credentials.model_reader(launch).valid
    assert decisions(federation.cloud, EXCHANGE) == [True]
    assert decisions(federation.cloud, GET_ACCESS_TOKEN) == [False, False, True]


def test_the_wait_for_a_grant_ends(
    federation: Federation, launch: settings.Settings, clock: Clock
) -> None:
    """Later than Google documents, no grant is on its way."""
    federation.grant("user:somebody@else.example")
    with pytest.raises(WorkloadError, match=r"^impersonation_refused: "):
        credentials.model_reader(launch)
    assert settings.GRANT_SECONDS - 60 < sum(clock.waited) <= settings.GRANT_SECONDS
    assert decisions(federation.cloud, EXCHANGE) == [True]


def test_without_grant_seconds_the_run_does_not_wait_for_a_grant(
    federation: Federation, launch: settings.Settings, clock: Clock
) -> None:
    """On the local cloud a refusal by IAM is one."""
    federation.grant("user:somebody@else.example")
    with pytest.raises(WorkloadError, match=r"^impersonation_refused: "):
        credentials.model_reader(dataclasses.replace(launch, grant_seconds=0))
    assert decisions(federation.cloud, GET_ACCESS_TOKEN) == [False]
    assert clock.waited == []


def test_another_refusal_by_iam_is_not_retried(
    faults: Faults, launch: settings.Settings, clock: Clock
) -> None:
    """An API that is switched off is no grant on its way."""
    off = {
        "error": {"code": 403, "message": "API has not been used", "status": "PERMISSION_DENIED"}
    }
    faults.answer(403, IAM, LEND, body=off)
    with pytest.raises(WorkloadError, match=r"^impersonation_refused: "):
        credentials.model_reader(launch)
    assert (faults.count(IAM, LEND), clock.waited) == (1, [])


@pytest.mark.parametrize(
    ("told", "change"),
    [
        ("release_refused", lambda f: f.provider.doc.update(attributeCondition="assertion.x == 1")),
        ("token_rejected", lambda f: setattr(f.cloud, "clock_offset", 7200)),
        ("token_rejected", lambda f: f.provider.doc["oidc"].update(allowedAudiences=["other"])),
        ("provider_unavailable", lambda f: f.provider.doc.update(disabled=True)),
    ],
    ids=["condition", "stale", "audience", "disabled"],
)
def test_a_refusal_by_the_token_service_is_not_retried(
    told: str,
    change: Callable[[Federation], None],
    federation: Federation,
    launch: settings.Settings,
    clock: Clock,
) -> None:
    """What the token service refuses is one entry in the audit log, and no waiting."""
    change(federation)
    with pytest.raises(WorkloadError, match=f"^{told}: "):
        credentials.model_reader(launch)
    assert decisions(federation.cloud, EXCHANGE) == [False]
    assert clock.waited == []


def test_a_refusal_by_the_condition_with_status_403_is_not_retried(
    faults: Faults, launch: settings.Settings, clock: Clock
) -> None:
    """The same answer with the status of a missing grant is still the condition's."""
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
    """The launcher refreshes the file: what it holds at the second try is what is sent."""
    fresh = launch.token_file.read_text()
    launch.token_file.write_text("stale")
    faults.answer(503, STS, meanwhile=lambda: launch.token_file.write_text(fresh))
    assert credentials.model_reader(launch).valid
    assert decisions(federation.cloud, EXCHANGE) == [True]


@pytest.fixture
def buckets(owner: Client, cloud: Cloud, faults: Faults) -> Cloud:
    """Secundus' two buckets with the roles that the workload's account has there."""
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


def listed(bucket: storage.Bucket, _: Path) -> None:
    """Lists the one picture."""
    assert [picture.name for picture in bucket.pictures()] == ["a.png"]


def fetched(bucket: storage.Bucket, folder: Path) -> None:
    """Downloads it, whole."""
    assert bucket.fetch("a.png", folder / "a", 10**6) == hashlib.sha256(CONTENT).hexdigest()
    assert (folder / "a").read_bytes() == CONTENT


def written(bucket: storage.Bucket, folder: Path) -> None:
    """Overwrites it."""
    (folder / "new").write_bytes(CONTENT)
    bucket.write("a.png", folder / "new", "image/png")


def removed(bucket: storage.Bucket, _: Path) -> None:
    """Deletes it."""
    bucket.remove("a.png")


DOES: dict[Does, tuple[str, str, str]] = {
    listed: (INPUT, "/o", "storage.objects.list"),
    fetched: (INPUT, "/o/a.png", "storage.objects.get"),
    written: (RESULT, "/upload/", "storage.objects.create"),
    removed: (RESULT, "/o/a.png", "storage.objects.delete"),
}
"""What the job does with a bucket; where, how it is asked for, and under which permission."""


@pytest.mark.parametrize("fault", TRANSIENT)
@pytest.mark.parametrize("does", DOES)
def test_a_transient_failure_of_storage_is_retried(
    does: Does,
    fault: str,
    buckets: Cloud,
    faults: Faults,
    clock: Clock,
    tmp_path: Path,
) -> None:
    """Three times busy or cut off, and it is done; each try waited."""
    name, path, _ = DOES[does]
    TRANSIENT[fault](faults, STORAGE, path, times=3)
    does(opened(buckets, name), tmp_path)
    assert (faults.count(STORAGE, path), len(clock.waited)) == (4, 3)


@pytest.mark.parametrize("does", [written, removed])
def test_a_change_whose_answer_was_lost_is_repeated_safely(
    does: Does,
    buckets: Cloud,
    faults: Faults,
    tmp_path: Path,
) -> None:
    """The answer is lost, not the deed: the second time comes to the same end."""
    _, path, permission = DOES[does]
    faults.forget(STORAGE, path)
    does(opened(buckets, RESULT), tmp_path)
    assert decisions(buckets, permission)[0]
    assert faults.count(STORAGE, path) == 2
    left = buckets.buckets[RESULT].objects
    assert {name: stored.data for name, stored in left.items()} == (
        {"a.png": CONTENT} if does is written else {}
    )


def test_a_repeated_write_returns_the_current_generation(
    buckets: Cloud, faults: Faults, tmp_path: Path
) -> None:
    """A run whose first answer was lost does not take its own mark for another run's."""
    (tmp_path / "new").write_bytes(CONTENT)
    faults.forget(STORAGE, "/upload/")
    bucket = opened(buckets, RESULT)
    assert bucket.write("a.png", tmp_path / "new", "image/png") == bucket.generation("a.png")


def test_a_broken_download_is_resumed(buckets: Cloud, faults: Faults, tmp_path: Path) -> None:
    """Twice cut off in the middle: the file is whole, and its hash is right."""
    for _ in range(2):
        faults.cut(STORAGE, "/o/a.png", after=50_000)
    fetched(opened(buckets, INPUT), tmp_path)
    assert faults.count(STORAGE, "/o/a.png") == 3


def test_a_broken_large_upload_is_resumed(buckets: Cloud, faults: Faults, tmp_path: Path) -> None:
    """Beyond a piece the library uploads in several steps, and goes on where one broke."""
    (tmp_path / "large").write_bytes(CONTENT * 40)
    faults.forget(STORAGE, "uploadType=resumable")
    faults.before(STORAGE, "uploadType=resumable", lambda: None)
    faults.drop(STORAGE, "upload_id=", times=2)
    opened(buckets, RESULT).write("large", tmp_path / "large", "application/jsonl")
    assert buckets.buckets[RESULT].objects["large"].data == CONTENT * 40
    assert faults.count(STORAGE, "upload_id=") == 2 + -(-len(CONTENT * 40) // storage.UPLOAD_BYTES)


@pytest.mark.parametrize("does", DOES)
def test_retries_of_a_busy_bucket_end(
    does: Does,
    buckets: Cloud,
    faults: Faults,
    clock: Clock,
    tmp_path: Path,
) -> None:
    """After two minutes the bucket counts as one that can't be used."""
    name, path, _ = DOES[does]
    faults.answer(503, STORAGE, path, times=FOREVER)
    with pytest.raises(BucketError):
        does(opened(buckets, name), tmp_path)
    assert 60 < sum(clock.waited) <= 120


def waited(bucket: storage.Bucket, clock: Clock) -> float:
    """How long a picture waits until it is given up."""
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
    """A hundred answers allow one more picture to wait."""
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
    """A picture that Cloud Storage refuses is one picture's failure, however many there are."""
    bucket = opened(buckets, INPUT)
    faults.answer(403, STORAGE, "/o/a.png", times=2 * retries.MAX_FAILURES)
    for _ in range(2 * retries.MAX_FAILURES):
        assert waited(bucket, clock) == 0
    faults.answer(503, STORAGE, "/o/a.png", times=FOREVER)
    assert waited(bucket, clock) > 60


@pytest.mark.parametrize("does", DOES)
def test_a_request_waits_for_a_buckets_grant(
    does: Does,
    buckets: Cloud,
    faults: Faults,
    tmp_path: Path,
) -> None:
    """The first that is asked of a bucket is refused twice, then the grant is there."""
    name, path, permission = DOES[does]
    policy = buckets.buckets[name].policy
    policy.bindings.remove(granted(ROLES[name]))
    for do in (lambda: None, lambda: None, lambda: policy.bindings.append(granted(ROLES[name]))):
        faults.before(STORAGE, path, do)
    does(opened(buckets, name, settings.GRANT_SECONDS), tmp_path)
    assert decisions(buckets, permission)[:3] == [False, False, True]


@pytest.mark.parametrize("does", DOES)
def test_the_wait_for_a_buckets_grant_ends(
    does: Does,
    buckets: Cloud,
    clock: Clock,
    tmp_path: Path,
) -> None:
    """Later than Google documents, no grant is on its way."""
    name, _, _ = DOES[does]
    buckets.buckets[name].policy.bindings.remove(granted(ROLES[name]))
    with pytest.raises(BucketError):
        does(opened(buckets, name, settings.GRANT_SECONDS), tmp_path)
    assert settings.GRANT_SECONDS - 60 < sum(clock.waited) <= settings.GRANT_SECONDS


@pytest.mark.parametrize(("first", "then"), [(listed, fetched), (written, removed)])
def test_after_a_first_success_a_refusal_is_final(
    first: Does,
    then: Does,
    buckets: Cloud,
    faults: Faults,
    clock: Clock,
    tmp_path: Path,
) -> None:
    """A grant that is taken away in the middle of a run is not waited for."""
    name, path, _ = DOES[then]
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
    """An object that is missing is not waited for, however new the bucket's grants are."""
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
    written(as_operator(RESULT), tmp_path)
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
        said, _ = run.communicate()
    assert (run.returncode, said) == (
        4,
        "results_not_writable: The result bucket can't be written to.\n",
    )
    assert (faults.count(STS), faults.count(IAM, LEND)) == (0, 0)
    assert decisions(buckets, "storage.objects.get") == []


def test_a_run_after_a_killed_run_writes_its_own_result(
    process: dict[str, str], buckets: Cloud, faults: Faults
) -> None:
    """Killed while the model is on its way: no earlier result stands; the next run has its own."""
    left = buckets.buckets[RESULT].objects
    left["result"] = dataclasses.replace(left["a.png"], data=b"of an earlier run")
    reached, go = faults.hold(STORAGE, "/o/model.tar.gz")
    try:
        with started(process) as run:
            reached.wait()
            run.kill()
    finally:
        go.set()
    assert "result" not in left
    assert left["results.jsonl"].data == b""
    with started(process) as run:
        said, _ = run.communicate()
    assert left["result"].data.decode() == f"Error: {said}"
    assert said.startswith("model_hash_mismatch: ")


def the_run(first: subprocess.Popen[str]) -> int:
    """The process that does the work of this one."""
    (pid,) = Path(f"/proc/{first.pid}/task/{first.pid}/children").read_text().split()
    return int(pid)


WOUNDS: dict[str, tuple[Callable[[int], object], str]] = {
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


@pytest.mark.parametrize("wound", WOUNDS)
def test_the_first_process_writes_the_result_of_a_dead_run(
    wound: str, process: dict[str, str], buckets: Cloud, faults: Faults
) -> None:
    """Hit while the model is on its way: the first process tells it, with the operator's grants."""
    hit, told = WOUNDS[wound]
    left = buckets.buckets[RESULT].objects
    reached, go = faults.hold(STORAGE, "/o/model.tar.gz")
    try:
        with started(process) as first:
            reached.wait()
            hit(the_run(first))
            go.set()
            first.communicate()
    finally:
        go.set()
    assert left["result"].data.decode().startswith(f"Error: {told}")
    assert json.loads(left["results.jsonl"].data)["error"] == told.partition(":")[0]
    assert first.returncode == Failure[told.partition(":")[0].upper()].exit_code


def test_no_result_is_written_for_a_dead_run_after_another_run_has_started(
    process: dict[str, str], buckets: Cloud, faults: Faults, tmp_path: Path
) -> None:
    """The first process speaks for its own run only: here another one has begun meanwhile."""
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
    left = buckets.buckets[RESULT].objects
    assert "result" not in left
    assert left["results.jsonl"].data == b""
