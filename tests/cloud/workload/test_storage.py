"""Which requests to Cloud Storage the workload retries, over HTTP, and which it does not."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.cloud.faults import FOREVER, Faults
from tests.cloud.workload.operations import (
    CONTENT,
    INPUT,
    OPERATIONS,
    RESULT,
    ROLES,
    STORAGE,
    TRANSIENT,
    decisions,
    delete_result,
    fetch_picture,
    granted,
    list_pictures,
    opened,
    read_picture,
    write_result,
)
from workload import retries, settings, storage
from workload.errors import BucketError, BusyError
from workload.records import Picture

if TYPE_CHECKING:
    from pathlib import Path

    from rehearsal.cloud.state import Cloud
    from tests.cloud.workload.operations import Operation
    from tests.fixtures.retry_clock import Clock

# The client library keeps no hold of an answer that it asks again for, and closes none.
pytestmark = pytest.mark.filterwarnings("ignore:unclosed <ssl.SSLSocket:ResourceWarning")


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
    ("first", "then"),
    [
        (list_pictures, fetch_picture),
        (read_picture, fetch_picture),
        (write_result, delete_result),
    ],
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


@pytest.mark.parametrize("size", [10, storage.UPLOAD_BYTES + 1], ids=["at once", "in chunks"])
def test_an_object_is_created_once(size: int, buckets: Cloud, tmp_path: Path) -> None:
    """A second creation changes nothing, whatever it brings; the first one's metadata stays."""
    bucket = opened(buckets, RESULT)
    first, second = tmp_path / "first", tmp_path / "second"
    first.write_bytes(b"1" * size)
    second.write_bytes(b"2" * size)
    assert bucket.create("new", first, "application/jsonl", {"machine": "a"}) is True
    assert bucket.create("new", second, "application/jsonl", {"machine": "b"}) is False
    stored = buckets.buckets[RESULT].objects["new"]
    assert stored.data == b"1" * size
    assert stored.meta["metadata"] == {"machine": "a"}


@pytest.mark.parametrize("size", [10, storage.UPLOAD_BYTES + 1], ids=["at once", "in chunks"])
def test_a_creation_whose_answer_is_lost_is_no_failure(
    size: int, buckets: Cloud, faults: Faults, tmp_path: Path
) -> None:
    """The retry finds the object that the first request created."""
    content = tmp_path / "content"
    content.write_bytes(b"1" * size)
    faults.forget(STORAGE, "/upload/", times=2)
    opened(buckets, RESULT).create("new", content, "application/jsonl")
    assert buckets.buckets[RESULT].objects["new"].data == b"1" * size


POLICY = {
    "error": {
        "code": 412,
        "message": "Request violates an OrgPolicy constraint.",
        "errors": [{"reason": "orgPolicyConstraintFailed"}],
    }
}
"""https://docs.cloud.google.com/storage/docs/json_api/v1/status-codes"""


def test_an_object_that_a_policy_refuses_is_not_there(
    buckets: Cloud, faults: Faults, tmp_path: Path
) -> None:
    """Google answers it with the status of an object that exists; then no record would be lost."""
    content = tmp_path / "content"
    content.write_bytes(CONTENT)
    bucket = opened(buckets, RESULT)
    faults.answer(412, STORAGE, "/upload/", times=2, body=POLICY)
    with pytest.raises(BucketError):
        bucket.create("new", content, "application/jsonl")
    with pytest.raises(BucketError):
        bucket.write("new", content, "application/jsonl")
    assert bucket.create("new", content, "application/jsonl") is True
