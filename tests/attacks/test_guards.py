"""The matrix can fail: without each guard, some lie gets further."""

from __future__ import annotations

import dataclasses
from contextlib import nullcontext
from typing import TYPE_CHECKING

import pytest

from infra.attestation.release_policy import read
from rehearsal.attacks import guards, matrix
from rehearsal.attacks.guards import Guard
from rehearsal.attacks.mutants import refused_by_one_guard_alone, remove
from rehearsal.cloud.confidential_space.launch_policy import LaunchPolicy

if TYPE_CHECKING:
    from rehearsal.attacks.deployment import Target

pytestmark = pytest.mark.engine


OF_EVERY_TARGET = ("labels", "preconditions")


@pytest.mark.parametrize(
    "kind", ["clauses", "grants", "models", "stops", "preventions", *OF_EVERY_TARGET]
)
def test_each_guard_alone_stops_a_lie(target: Target, kind: str) -> None:
    """Without it, at least one lie gets further: no guard is useless, and none is untested."""
    found = getattr(guards, kind)(*([] if kind in OF_EVERY_TARGET else [target]))
    assert [guard.name for guard in found if matrix.first_lie_without(target, guard) is None] == []
    assert found


def test_a_guard_that_stops_nothing_is_detected(target: Target) -> None:
    """The search for a lie can fail."""
    idle = Guard(kind="clause", name="nothing", without=nullcontext)
    assert matrix.first_lie_without(target, idle) is None


def test_every_clause_and_every_label_is_among_the_guards(target: Target) -> None:
    """They are read from the deployed state, so that a new one cannot be forgotten."""
    clauses = read(target.provider.doc["attributeCondition"])
    assert [guard.name for guard in guards.clauses(target)] == [c.sentence for c in clauses]
    assert len(guards.labels()) == len(dataclasses.fields(LaunchPolicy))


def test_every_grant_of_both_stacks_is_among_the_guards(target: Target) -> None:
    """For all operators: to act as a reader, to read a model, to pull; and Secundus' own.

    Of a fleet: who takes messages, and what Google's own accounts do.
    """
    grants = [guard.name.partition(" on ")[0] for guard in guards.grants(target)]
    assert {role: grants.count(role) for role in grants} == {
        "roles/artifactregistry.reader": 3,
        "roles/confidentialcomputing.workloadUser": 1,
        "roles/iam.serviceAccountUser": 1,
        "roles/iam.workloadIdentityUser": 3,
        "roles/pubsub.publisher": 2,
        "roles/pubsub.subscriber": 2,
        "roles/storage.objectUser": 1,
        "roles/storage.objectViewer": 4,
    }
    assert len(guards.models(target)) == 3


def test_without_the_image_digest_the_grant_still_refuses(target: Target) -> None:
    """Defence in depth: the loss of one guard releases no lie about the code."""
    (digest,) = (g for g in guards.clauses(target) if "image that Primus admits" in g.name)
    removal = remove(target, digest)
    assert removal.noticed
    assert removal.released == ()


def test_a_lie_that_one_guard_alone_refuses_is_listed_with_it(target: Target) -> None:
    """Only the clause of its claim refuses a lie that no other gate sees."""
    (hardware,) = (g for g in guards.clauses(target) if "encrypted by hardware" in g.name)
    held = refused_by_one_guard_alone([remove(target, hardware)])
    assert held["claims: hwmodel GCP_SHIELDED_VM"] == hardware.name
    assert "claims: dbgstat enabled" not in held
