"""The matrix can fail: without any one guard, some lie comes further or gets in."""

from __future__ import annotations

import dataclasses
from contextlib import nullcontext
from typing import TYPE_CHECKING

import pytest

from infra.attestation.release_policy import read
from rehearsal.attacks import guards, matrix
from rehearsal.attacks.guards import Guard
from rehearsal.attacks.mutants import held_by_one, remove
from rehearsal.cloud.confidential_space.launch_policy import LaunchPolicy

if TYPE_CHECKING:
    from rehearsal.attacks.target import World

pytestmark = pytest.mark.engine


@pytest.mark.parametrize("kind", ["clauses", "grants", "preventions", "labels"])
def test_somebody_misses_every_guard(told: World, kind: str) -> None:
    """Each is the first to refuse at least one lie: none is decoration, and none is untested."""
    found = guards.labels() if kind == "labels" else getattr(guards, kind)(told)
    assert [guard.name for guard in found if matrix.missed_by(told, guard) is None] == []
    assert found


def test_a_guard_that_nobody_misses_would_be_seen(told: World) -> None:
    """The search can fail."""
    idle = Guard(kind="clause", name="nothing", without=nullcontext)
    assert matrix.missed_by(told, idle) is None


def test_every_clause_and_every_label_is_among_the_guards(told: World) -> None:
    """They are found in what is deployed, so that a new one cannot be forgotten."""
    clauses = read(told.provider.doc["attributeCondition"])
    assert [guard.name for guard in guards.clauses(told)] == [c.sentence for c in clauses]
    assert len(guards.labels()) == len(dataclasses.fields(LaunchPolicy))


def test_every_grant_of_both_stacks_is_among_the_guards(told: World) -> None:
    """Two for the release, one for each bucket, the repository and the account, one to attest."""
    assert len(guards.grants(told)) == 8


def test_without_the_image_digest_the_grant_still_holds(told: World) -> None:
    """Defence in depth: no lie about the code is released by the loss of one guard."""
    (digest,) = (g for g in guards.clauses(told) if "image that Primus admits" in g.name)
    removal = remove(told, digest)
    assert removal.noticed
    assert removal.released == ()


def test_the_lies_that_one_guard_alone_keeps_out_are_known(told: World) -> None:
    """Every claim that only the condition can see is held by its clause alone."""
    (hardware,) = (g for g in guards.clauses(told) if "encrypted by hardware" in g.name)
    held = held_by_one([remove(told, hardware)])
    assert held["claims: hwmodel GCP_SHIELDED_VM"] == hardware.name
    assert "claims: dbgstat enabled" not in held
