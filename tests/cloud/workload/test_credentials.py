"""Which requests for credentials the workload retries, over HTTP, and which it does not."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

import pytest

from rehearsal.cloud.iam.credentials import GET_ACCESS_TOKEN
from rehearsal.cloud.sts import EXCHANGE
from tests.cloud.faults import FOREVER, Faults
from tests.cloud.federation import BY_DIGEST, Federation
from tests.cloud.workload.operations import IAM, LEND, STS, TRANSIENT, decisions
from workload import credentials, settings
from workload.errors import WorkloadError

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.fixtures.retry_clock import Clock


# The client library keeps no hold of an answer that it asks again for, and closes none.
pytestmark = pytest.mark.filterwarnings("ignore:unclosed <ssl.SSLSocket:ResourceWarning")


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
