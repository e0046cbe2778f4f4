"""What is around the resources: plugins, the stack's project, the firewall, secrets."""

from __future__ import annotations

from typing import Any

import pytest

from ops.review import boundaries
from ops.review.change import Effect
from tests.fixtures.previews import BUCKET, MACHINE, POOL, UNKNOWN, Json, read_preview, step

GOOGLE = "pulumi:providers:gcp"
FIREWALL = "gcp:compute/firewall:Firewall"
NETWORK = "gcp:compute/network:Network"
PLUGIN = {"project": "mine", "version": "10.2.0", "__internal": {}}
SAME = step("same", GOOGLE, "google", old=PLUGIN, new=PLUGIN)
DENIAL = {
    "denies": [{"protocol": "all"}],
    "direction": "INGRESS",
    "priority": 0,
    "sourceRanges": ["0.0.0.0/0"],
}


def told(*steps: Json) -> list[tuple[Effect, str]]:
    """Effect and sentence of every change."""
    return [(each.effect, each.sentence) for each in boundaries.changes(read_preview(*steps))]


@pytest.mark.parametrize(
    ("changes", "what"),
    [
        ({"storageCustomEndpoint": "https://x.example/"}, "storageCustomEndpoint"),
        ({"impersonateServiceAccount": "a@b"}, "impersonateServiceAccount"),
        ({"__internal": {"pluginDownloadURL": "https://x.example"}}, "pluginDownloadURL"),
    ],
)
@pytest.mark.parametrize("op", ["create", "update"])
def test_a_plugin_with_other_settings_cannot_be_judged(op: str, changes: Json, what: str) -> None:
    """Every file goes through it."""
    old = PLUGIN if op == "update" else None
    ((effect, sentence),) = told(step(op, GOOGLE, "google", old=old, new={**PLUGIN, **changes}))
    assert effect is Effect.UNJUDGED
    assert sentence.startswith(f"the plugin google gets {what}: that can send every file to")


def test_a_plugin_of_another_version_is_no_alarm() -> None:
    """Nor one that is new, or deleted."""
    newer = {**PLUGIN, "version": "10.3.0"}
    assert told(step("update", GOOGLE, old=PLUGIN, new=newer)) == []
    assert told(step("create", GOOGLE, new=PLUGIN)) == []
    assert told(step("delete", GOOGLE, old=PLUGIN)) == []


def test_a_resource_in_another_project_is_a_loosening() -> None:
    """Whoever administers that project can change a provider's condition."""
    mine, eves, unknown = ({"project": each} for each in ("mine", "eve", UNKNOWN))
    assert told(SAME, step("replace", POOL, old=mine, new=mine)) == []
    assert told(SAME, step("create", POOL, new=mine)) == []
    ((effect, sentence),) = told(SAME, step("replace", POOL, old=mine, new=eves))
    assert effect is Effect.LOOSENING
    assert sentence == (
        f"{POOL} it is in the project eve, and not in that of the stack, mine: others administer it"
    )
    ((effect, _),) = told(SAME, step("create", POOL, new=unknown))
    assert effect is Effect.UNKNOWN
    assert told(SAME, step("update", POOL, old=eves, new=eves)) == []
    second = step("create", GOOGLE, "eve", new={**PLUGIN, "project": "eve"})
    assert [effect for effect, _ in told(SAME, second, step("create", POOL, new=eves))] == [
        Effect.LOOSENING
    ]


def test_a_new_stack_is_in_the_project_of_its_plugin() -> None:
    """There is nothing before to compare with; without a plugin there is nothing at all."""
    mine, eves = ({"project": each} for each in ("mine", "eve"))
    new = step("create", GOOGLE, "google", new=PLUGIN)
    assert told(new, step("create", POOL, new=mine)) == []
    assert [effect for effect, _ in told(new, step("create", POOL, new=eves))] == [Effect.LOOSENING]
    assert told(step("create", POOL, new=eves)) == []


@pytest.mark.parametrize(
    "changes",
    [
        {"denies": None, "allows": [{"protocol": "tcp"}]},
        {"allows": [{"protocol": "tcp"}]},
        {"priority": 1000},
        {"sourceRanges": ["10.0.0.0/8"]},
        {"direction": "EGRESS"},
        {"disabled": True},
        {"targetTags": ["web"]},
        {"sourceTags": ["web"]},
        {"targetServiceAccounts": ["other@p.iam.gserviceaccount.com"]},
        {"denies": UNKNOWN},
    ],
    ids=str,
)
@pytest.mark.parametrize("op", ["create", "update"])
def test_a_firewall_rule_that_refuses_less_is_a_loosening(op: str, changes: Any) -> None:
    """The network has one rule; the way back is none."""
    other = {**DENIAL, **changes}
    old = DENIAL if op == "update" else None
    ((effect, sentence),) = told(step(op, FIREWALL, "f", old=old, new=other))
    assert effect is Effect.LOOSENING
    assert sentence == "the firewall rule f is not the one that refuses all ingress"
    assert told(step("update", FIREWALL, "f", old=other, new=DENIAL)) == []


def test_a_firewall_rule_for_the_machines_own_account_alone_is_the_one() -> None:
    """In a network of others it must not hold for their machines."""
    account = "workload-sa@p.iam.gserviceaccount.com"
    rule = {**DENIAL, "targetServiceAccounts": [account]}
    machine = step("same", MACHINE, old={}, new={"serviceAccount": {"email": account}})
    other = step("same", MACHINE, "b", old={}, new={"serviceAccount": {"email": "b@p"}})
    assert told(step("update", FIREWALL, "f", old=DENIAL, new=rule), machine) == []
    assert told(step("update", FIREWALL, "f", old=DENIAL, new=rule), machine, other) != []
    assert told(step("update", FIREWALL, "f", old=DENIAL, new=rule)) != []


def test_a_deleted_firewall_rule_is_a_loosening_while_there_is_a_network() -> None:
    """Otherwise there is nothing that it could refuse."""
    deleted = step("delete", FIREWALL, "f", old=DENIAL)
    there = step("same", NETWORK, old={"name": "n"}, new={"name": "n"})
    gone = step("delete", NETWORK, old={"name": "n"})
    assert [effect for effect, _ in told(deleted, there)] == [Effect.LOOSENING]
    assert told(deleted, gone) == []
    assert told(step("delete", FIREWALL, "f", old={"allows": [1]}), there) == []


def test_a_secret_input_cannot_be_judged() -> None:
    """The engine prints none, so it could be anything, now and in every later change."""
    hidden = {"name": "b", "labels": {"a": "[secret]"}}
    ((effect, sentence),) = told(step("update", BUCKET, old={"name": "b"}, new=hidden))
    assert effect is Effect.UNJUDGED
    assert sentence == f"{BUCKET} it has inputs that are secret: labels.a"
    assert told(step("same", BUCKET, old=hidden, new=hidden)) == []
