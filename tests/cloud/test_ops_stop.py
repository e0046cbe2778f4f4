"""`confidential-inference stop` against the local cloud, with Google's own client libraries.

What an attested workload can still do, which holds a token that was issued before the stop.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import requests
from google.oauth2.credentials import Credentials

from ops.google_api import GoogleApi
from ops.stop.admission import Admission
from ops.stop.measures import GONE, taken
from tests.cloud.federation import BY_DIGEST, PROVIDER, READER, Federation

if TYPE_CHECKING:
    from pathlib import Path

    from rehearsal.cloud.http.server import LocalCloud
    from rehearsal.cloud.state import Binding

DEPLOYER = "user:deployer@primus.example"
ROLES = ("roles/storage.admin", "roles/iam.serviceAccountAdmin")
POOL_ADMIN = "roles/iam.workloadIdentityPoolAdmin"
ADMISSION = Admission(operator="", provider=PROVIDER, reader=READER, bucket="model-bucket")
MODEL = "https://storage.googleapis.com/storage/v1/b/model-bucket/o/model.tar.gz?alt=media"
SOMEBODY: Binding = {"role": "roles/storage.objectViewer", "members": ["user:auditor@x.example"]}


@pytest.fixture
def federation(local: LocalCloud, tmp_path: Path) -> Federation:
    """The model of an admitted workload, and a deployer with the documented roles."""
    federation = Federation(local)
    federation.model(tmp_path)
    federation.grant(BY_DIGEST)
    project = federation.cloud.projects["primus-models"]
    project.services.update({"iam.googleapis.com", "storage.googleapis.com"})
    project.policy.bindings = [
        {"role": role, "members": [DEPLOYER]} for role in (*ROLES, POOL_ADMIN)
    ]
    return federation


def api(federation: Federation) -> GoogleApi:
    """The deployer's session."""
    token = federation.cloud.mint(DEPLOYER)
    return GoogleApi(Credentials(token))  # type: ignore[no-untyped-call]  # untyped library


def stop(federation: Federation, *, own_reader: bool = True) -> list[tuple[str, str]]:
    """What became of each measure: what is true now, and why it failed."""
    measures = taken(api(federation), ADMISSION, own_reader=own_reader)
    return [(each.done, each.error) for each in measures]


def exchanged(federation: Federation) -> requests.Response:
    """The token service's answer to the attested workload."""
    return federation.exchange()


def read(token: str) -> int:
    """The status with which a token reads the model."""
    headers = {"Authorization": f"Bearer {token}"}
    return requests.get(MODEL, headers=headers, timeout=10).status_code


def test_tokens_from_before_the_stop_get_nothing_any_more(federation: Federation) -> None:
    """Not a new token, not the reader's token by the old one, not the model by the reader's."""
    federated = exchanged(federation).json()["access_token"]
    of_reader = federation.generate_access_token(federated).json()["accessToken"]
    assert read(of_reader) == 200
    assert stop(federation) == [
        ("1 removed", ""),
        ("1 removed", ""),
        ("disabled", ""),
        ("disabled", ""),
    ]
    assert exchanged(federation).json()["error"] == "invalid_target"
    assert federation.generate_access_token(federated).status_code in (400, 403)
    assert read(of_reader) == 401


@pytest.mark.parametrize(
    ("measures", "exchange", "impersonation", "model"),
    [
        # Each of the four alone: the new exchange, the old federated token, the old reader's token.
        ((3,), 400, 200, 200),
        ((2,), 200, 400, 401),
        ((1,), 200, 403, 200),
        ((0,), 200, 200, 403),
    ],
    ids=["provider disabled", "reader disabled", "not to act as it", "not to read"],
)
def test_what_each_measure_alone_leaves_to_who_holds_tokens(
    federation: Federation,
    measures: tuple[int, ...],
    exchange: int,
    impersonation: int,
    model: int,
) -> None:
    """So none of them is enough: a disabled provider leaves the model to tokens for an hour."""
    federated = exchanged(federation).json()["access_token"]
    of_reader = federation.generate_access_token(federated).json()["accessToken"]
    before = _snapshot(federation)
    stop(federation)
    _undo_all_but(federation, before, measures)
    assert exchanged(federation).status_code == exchange
    assert federation.generate_access_token(federated).status_code == impersonation
    assert read(of_reader) == model


def _snapshot(federation: Federation) -> tuple[list[Binding], list[Binding]]:
    cloud = federation.cloud
    bucket, reader = cloud.buckets["model-bucket"], cloud.service_accounts[READER]
    return [*bucket.policy.bindings], [*reader.policy.bindings]


def _undo_all_but(
    federation: Federation, before: tuple[list[Binding], list[Binding]], kept: tuple[int, ...]
) -> None:
    cloud = federation.cloud
    if 0 not in kept:
        cloud.buckets["model-bucket"].policy.bindings = before[0]
    if 1 not in kept:
        cloud.service_accounts[READER].policy.bindings = before[1]
    if 2 not in kept:
        cloud.service_accounts[READER].disabled = False
    if 3 not in kept:
        federation.provider.doc["disabled"] = False


def test_an_old_token_ends_after_an_hour_even_if_only_the_provider_is_disabled(
    federation: Federation,
) -> None:
    """The longest that a stop by the provider alone would have taken."""
    federated = exchanged(federation).json()["access_token"]
    federation.provider.doc["disabled"] = True
    federation.cloud.clock_offset += 3500
    late = federation.generate_access_token(federated).json()["accessToken"]
    federation.cloud.clock_offset += 110
    assert federation.generate_access_token(federated).status_code == 401
    assert read(late) == 200  # the second hour
    federation.cloud.clock_offset += 3600
    assert read(late) == 401


def test_grants_of_others_stay(federation: Federation) -> None:
    """Other members, other pools, and the conditions of their grants."""
    cloud = federation.cloud
    other_pool = BY_DIGEST.replace("primus-wip/", "primus-wip-acme/")
    conditional: Binding = {
        "role": "roles/storage.objectViewer",
        "members": ["serviceAccount:other@primus-models.iam.gserviceaccount.com"],
        "condition": {"title": "t", "expression": "true"},
    }
    bucket, reader = cloud.buckets["model-bucket"], cloud.service_accounts[READER]
    bucket.policy.bindings = [*bucket.policy.bindings, SOMEBODY, conditional]
    reader.policy.bindings[0]["members"].append(other_pool)
    stop(federation)
    assert bucket.policy.bindings == [SOMEBODY, conditional]
    assert [each["members"] for each in reader.policy.bindings] == [[other_pool]]


def test_a_measure_that_fails_stops_no_other(federation: Federation) -> None:
    """Google's sentence says which permission is missing; the others are taken."""
    federation.cloud.projects["primus-models"].policy.bindings.pop()
    *others, (_, error) = stop(federation)
    assert others == [("1 removed", ""), ("1 removed", ""), ("disabled", "")]
    assert "iam.workloadIdentityPoolProviders.update" in error


def test_stopping_twice_changes_nothing_more(federation: Federation) -> None:
    """Somebody in a hurry repeats it, and what is gone already is no failure."""
    stop(federation)
    assert stop(federation) == [
        ("there is none", ""),
        ("there is none", ""),
        ("disabled", ""),
        ("disabled", ""),
    ]
    del federation.cloud.buckets["model-bucket"], federation.cloud.providers[PROVIDER]
    assert [done for done, _ in stop(federation)][::3] == [GONE, GONE]


def test_an_account_that_others_have_made_stays_enabled(federation: Federation) -> None:
    """The stack would never enable it again; without grants it leads to nothing."""
    assert len(stop(federation, own_reader=False)) == 3
    assert not federation.cloud.service_accounts[READER].disabled
