"""Which aliases the resources of the two deployed companies get."""

from __future__ import annotations

import pytest

from infra.components.earlier_names import earlier_name


@pytest.mark.parametrize(
    ("kind", "name", "earlier"),
    [
        ("Bucket", "primus-model", "model"),
        ("BucketObject", "primus-model-2e7921189918", "model-2e7921189918"),
        ("Image", "primus-workload", "workload"),
        ("IAMMember", "primus-attestation-release-built", "release-built"),
        ("Stash", "primus-attestation-pool-suffix", "pool-suffix"),
        ("Stash", "primus-attestation-pool-suffix-a-b", "pool-suffix-a-b"),
        ("IAMMember", "secundus-operator-user:a@b.example", "operator-user:a@b.example"),
        ("BucketIAMMember", "secundus-input-workload-reads", "workload-reads"),
        ("BucketIAMMember", "secundus-result-workload-writes", "workload-writes"),
        ("Uploads", "secundus-pictures", "pictures"),
        ("BucketObject", "secundus-input-a.jpg", "a.jpg"),
        ("BucketObject", "secundus-input-input-a.jpg", "input-a.jpg"),
    ],
)
def test_a_renamed_resource_has_its_earlier_name(kind: str, name: str, earlier: str) -> None:
    """As commit 8ff553c named it; two pictures never have the same earlier name."""
    assert earlier_name(kind, name) == earlier


@pytest.mark.parametrize("name", ["primus", "secundus", "region", "red-model", "red-primus-x"])
def test_a_resource_of_no_deployed_company_has_no_earlier_name(name: str) -> None:
    """A second company in a stack would claim the names of the first."""
    assert earlier_name("Bucket", name) is None
