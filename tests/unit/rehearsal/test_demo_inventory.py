"""The inventory sees whatever is left, and counts who was let in."""

from __future__ import annotations

import io
import re

import pytest

from ops.terminal import Terminal
from rehearsal.cloud.state import (
    AuditEntry,
    Autoscaler,
    Bucket,
    Cloud,
    Group,
    Instance,
    Pool,
    Repository,
    ServiceAccount,
    Subscription,
    Topic,
)
from rehearsal.companies import two_companies
from rehearsal.demo import inventory
from rehearsal.demo.expectations import Expectations

POOL = "projects/111111111111/locations/global/workloadIdentityPools/primus-wip-1"


@pytest.fixture
def cloud() -> Cloud:
    """Two empty companies."""
    empty = Cloud()
    two_companies(empty)
    return empty


def test_two_empty_companies_have_nothing_left(cloud: Cloud) -> None:
    """Before anything is deployed, nothing is left and nothing is reserved."""
    assert inventory.left(cloud, inventory.project_grants(cloud)) == []
    assert inventory.reserved(cloud) == []


@pytest.mark.parametrize(
    ("kind", "leave"),
    [
        ("bucket b", lambda c: c.buckets.update(b=Bucket("b", "primus-models", {}))),
        (
            "service account a",
            lambda c: c.service_accounts.update(a=ServiceAccount("a", "primus-models", {})),
        ),
        ("identity pool", lambda c: c.pools.update(p=Pool(POOL, "primus-models", {}))),
        ("repository r", lambda c: c.repositories.update(r=Repository("r", "primus-models", {}))),
        (
            "instance i",
            lambda c: c.instances.update(i=Instance("1", "secundus-vision", "z", "i", {})),
        ),
        ("networks/n", lambda c: c.networking.update({"networks/n": {}})),
        ("instanceTemplates/t", lambda c: c.templates.update({"instanceTemplates/t": {}})),
        (
            "instanceGroupManagers/g",
            lambda c: c.groups.update({"instanceGroupManagers/g": Group("p", "z", "g", {})}),
        ),
        (
            "autoscalers/a",
            lambda c: c.autoscalers.update({"autoscalers/a": Autoscaler("p", "z", "a", {}, "g")}),
        ),
        ("topics/t", lambda c: c.topics.update({"topics/t": Topic("topics/t", "p", {})})),
        (
            "subscriptions/s",
            lambda c: c.subscriptions.update(
                {"subscriptions/s": Subscription("subscriptions/s", "p", {})}
            ),
        ),
        (
            "roles/owner of user:x on primus-models",
            lambda c: c.projects["primus-models"].policy.bindings.append(
                {"role": "roles/owner", "members": ["user:x"]}
            ),
        ),
    ],
)
def test_each_kind_of_leftover_is_named(cloud: Cloud, kind: str, leave: object) -> None:
    """One thing left of any kind is named."""
    before = inventory.project_grants(cloud)
    assert callable(leave)
    leave(cloud)
    (left,) = inventory.left(cloud, before)
    assert kind in left


def test_a_deleted_pool_is_reserved_and_not_left(cloud: Cloud) -> None:
    """A deleted pool's id is reserved; that is no leftover."""
    cloud.pools[POOL] = Pool(POOL, "primus-models", {}, deleted_at=1.0)
    assert inventory.left(cloud, inventory.project_grants(cloud)) == []
    assert inventory.reserved(cloud) == [POOL]


def test_reads_count_allowed_and_refused() -> None:
    """One row per identity, with what it got and what it was refused, in the words for it."""
    reader = "serviceAccount:reader@p.iam.gserviceaccount.com"
    thing = "projects/_/buckets/model/objects/m"
    audit = [
        AuditEntry(reader, "storage.objects.get", thing, allowed=True),
        AuditEntry(reader, "storage.objects.get", thing, allowed=True),
        AuditEntry(reader, "storage.objects.get", "projects/_/buckets/x/objects/m", allowed=False),
        AuditEntry(reader, "storage.buckets.get", thing, allowed=True),
    ]
    console = Terminal(io.StringIO(), width=120)
    console.print(inventory.reads(audit, {"model": "the model"}))
    assert isinstance(console.file, io.StringIO)
    rows = [re.split("  +", line.strip()) for line in console.file.getvalue().splitlines()]
    assert rows == [["who", "got", "was refused"], ["reader@p", "the model 2x", "x"]]


def test_an_attested_image_is_named_by_its_digest() -> None:
    """The beginning of it: enough to tell two images from each other, and narrow."""
    digest = "14b2ead669ab" + "0" * 52
    member = f"principal://iam.googleapis.com/{POOL}/subject/x::sha256:{digest}::y"
    exchange = "google.identity.sts.v1.SecurityTokenService.ExchangeToken"
    console = Terminal(io.StringIO(), width=80)
    console.print(inventory.reads([AuditEntry(member, exchange, "p", allowed=False)], {}))
    assert isinstance(console.file, io.StringIO)
    row = console.file.getvalue().splitlines()[1]
    assert re.split("  +", row.strip()) == ["attested 14b2ead669ab…", "STS token"]


def test_an_unmet_expectation_is_listed() -> None:
    """Alone, among those that are met."""
    expectations = Expectations()
    expectations.check("first", "yes", met=True)
    expectations.check("second", "no", met=False)
    assert [expectation.what for expectation in expectations.unmet] == ["second"]
