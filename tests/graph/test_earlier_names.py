"""Which aliases the resources of the two deployed companies get."""

from __future__ import annotations

import pytest

from infra.components.earlier_names import earlier_names


@pytest.mark.parametrize(
    ("kind", "name", "earlier"),
    [
        ("Bucket", "primus-model", ("model",)),
        ("BucketObject", "primus-model-2e7921189918", ("model-2e7921189918",)),
        ("Image", "primus-workload", ("workload",)),
        ("IAMMember", "primus-attestation-release-built", ("attestation-release-built",)),
        ("Stash", "primus-attestation-pool-suffix", ("attestation-pool-suffix",)),
        ("Stash", "primus-attestation-pool-suffix-a-b", ("attestation-pool-suffix-a-b",)),
        ("IAMMember", "secundus-operator-user:a@b.example", ("operator-user:a@b.example",)),
        ("BucketIAMMember", "secundus-input-workload-reads", ("input-workload-reads",)),
        ("BucketIAMMember", "secundus-result-workload-writes", ("result-workload-writes",)),
        ("Uploads", "secundus-pictures", ("pictures",)),
    ],
)
def test_a_renamed_resource_has_its_earlier_name(
    kind: str, name: str, earlier: tuple[str, ...]
) -> None:
    """Without its company, as commit 1249a4d named it."""
    assert earlier_names(kind, name)[: len(earlier)] == earlier


@pytest.mark.parametrize(
    ("kind", "name", "earliest"),
    [
        ("IAMMember", "primus-attestation-release-built", "release-built"),
        ("Stash", "primus-attestation-pool-suffix-a-b", "pool-suffix-a-b"),
        ("BucketIAMMember", "secundus-input-workload-reads", "workload-reads"),
        ("BucketIAMMember", "secundus-result-workload-writes", "workload-writes"),
    ],
)
def test_a_resource_that_was_renamed_twice_has_both_names(
    kind: str, name: str, earliest: str
) -> None:
    """Without company and component, as commit 8ff553c named it."""
    assert earlier_names(kind, name)[1:] == (earliest,)


def test_a_picture_never_has_the_earlier_name_of_another_one() -> None:
    """A folder can hold a.jpg and input-a.jpg: each is an object with one earlier name."""
    assert earlier_names("BucketObject", "secundus-input-a.jpg") == ("a.jpg",)
    assert earlier_names("BucketObject", "secundus-input-input-a.jpg") == ("input-a.jpg",)


@pytest.mark.parametrize("name", ["primus", "secundus", "region", "red-model", "red-primus-x"])
def test_a_resource_of_no_deployed_company_has_no_earlier_name(name: str) -> None:
    """A second company in a stack would claim the names of the first."""
    assert earlier_names("Bucket", name) == ()
