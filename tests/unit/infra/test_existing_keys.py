"""The keys `existing` and `adopt`: what defeats one another is a problem of the configuration."""

from __future__ import annotations

from typing import Any

import pytest

from infra import naming
from infra.config.problems import SettingsError
from tests.unit.infra.test_settings import primus, secundus

ACME = {"project": "acme-ml-prod", "projectNumber": "333333333333"}


def pool(name: str) -> dict[str, dict[str, str]]:
    """The key that names a pool."""
    return {"names": {"pool": name}}


@pytest.mark.parametrize(
    ("stack", "config", "key", "got"),
    [
        (primus, {"existing": ["network"]}, "existing[0]", "'network'"),
        (
            primus,
            {"existing": ["pool"], "adopt": ["pool"], **pool("primus-wip-1a2b3c")},
            "adopt[0]",
            "'pool'",
        ),
        (
            primus,
            {"existing": ["modelBucket"], "protect": ["modelBucket"]},
            "protect[0]",
            "'modelBucket'",
        ),
        (
            secundus,
            {"existing": ["resultBucket"], "protect": ["resultBucket"]},
            "protect[0]",
            "'resultBucket'",
        ),
        (secundus, {"existing": ["subnetwork"]}, "existing[0]", "subnetwork without network"),
        (secundus, {"adopt": ["subnetwork"]}, "adopt[0]", "subnetwork without network"),
        (primus, {"adopt": ["pool"]}, "names.pool", "'primus-wip'"),
        (primus, {"adopt": ["pool"], **pool("shared-pool")}, "names.pool", "'shared-pool'"),
        (primus, {"existing": ["pool"], **pool("x")}, "names.pool", "'x'"),
        (primus, pool("a" * 26), "names.pool", repr("a" * 26)),
        (
            primus,
            {"operator": None, "operators": {"acme": ACME}, "existing": ["repository", "pool"]},
            "existing[1]",
            "'pool'",
        ),
        (
            primus,
            {"operator": None, "operators": {"acme": ACME}, "adopt": ["serviceAccount"]},
            "adopt[0]",
            "'serviceAccount'",
        ),
        (
            primus,
            {"operators": {"acme": {**ACME, "existing": ["repository"]}}},
            "operators.acme.existing[0]",
            "'repository'",
        ),
        (
            primus,
            {
                "operators": {
                    "acme": {
                        **ACME,
                        "existing": ["serviceAccount"],
                        "adopt": ["serviceAccount"],
                    }
                }
            },
            "operators.acme.adopt[0]",
            "'serviceAccount'",
        ),
        (
            primus,
            {"operators": {"acme": {**ACME, "existing": ["pool"], **pool("x")}}},
            "operators.acme.names.pool",
            "'x'",
        ),
    ],
    ids=str,
)
def test_a_list_that_cannot_be_meant_is_refused(
    stack: Any, config: dict[str, Any], key: str, got: str
) -> None:
    """One problem, with the key and what it holds."""
    with pytest.raises(SettingsError) as refusal:
        stack(**config)
    (problem,) = refusal.value.problems
    assert (problem.key, problem.got) == (key, got)


def test_an_invalid_pool_in_a_list_is_one_problem() -> None:
    """The name's own rule refuses it."""
    with pytest.raises(SettingsError) as refusal:
        primus(existing=["pool"], names={"pool": "UPPER"})
    (problem,) = refusal.value.problems
    assert problem.key == "names.pool"


@pytest.mark.parametrize(
    ("stack", "config"),
    [
        (primus, {"existing": ["pool"], **pool("a" * 32)}),
        (primus, {"adopt": ["pool"], **pool("primus-wip-1a2b3c")}),
        (secundus, {"existing": ["network"]}),
        (secundus, {"existing": ["network"], "adopt": ["subnetwork"]}),
        (primus, {"operator": None, "operators": {"acme": ACME}, "existing": ["repository"]}),
    ],
    ids=str,
)
def test_lists_that_can_be_meant_are_accepted(stack: Any, config: dict[str, Any]) -> None:
    """A pool's whole id; a network with a new subnetwork."""
    assert stack(**config).existing == tuple(config.get("existing", ()))


@pytest.mark.parametrize(
    ("pool", "suffix"),
    [
        ("primus-wip-1a2b3c", "1a2b3c"),
        ("gc-000000", "000000"),
        ("primus-wip", None),
        ("primus-wip-1A2B3C", None),
        ("1a2b3c", None),
        ("gcp-1a2b3c", None),
    ],
)
def test_the_suffix_of_a_pool_id(pool: str, suffix: str | None) -> None:
    """Six hex digits behind a first part that this program could have configured."""
    assert naming.pool_suffix(pool) == suffix
