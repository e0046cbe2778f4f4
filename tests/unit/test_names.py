"""Identifiers are spelt as Google spells them, and within Google's limits."""

from __future__ import annotations

import re

import pytest

from infra import names


def test_audience_names_the_provider_by_project_number() -> None:
    """The token service knows a provider only under this name."""
    assert names.audience("111111111111", "primus-wip-abc", "primus-wip-provider") == (
        "//iam.googleapis.com/projects/111111111111/locations/global"
        "/workloadIdentityPools/primus-wip-abc/providers/primus-wip-provider"
    )


def test_attested_members_are_one_value_of_one_attribute_and_never_the_whole_pool() -> None:
    """A grant to `/*` would make the condition the only lock."""
    member = names.attested("111111111111", "pool", "image_digest", "sha256:ab")
    assert member == (
        "principalSet://iam.googleapis.com/projects/111111111111/locations/global"
        "/workloadIdentityPools/pool/attribute.image_digest/sha256:ab"
    )


def test_service_accounts_of_a_project_are_one_principal_set() -> None:
    """It needs no account to exist, which is what lets Primus deploy first."""
    assert names.service_accounts_of("222222222222") == (
        "principalSet://cloudresourcemanager.googleapis.com/projects/222222222222"
        "/type/ServiceAccount"
    )


def test_service_account_and_repository_follow_from_ids() -> None:
    """Both are text that can be known before anything exists."""
    assert names.service_account("workload-sa", "secundus-vision") == (
        "workload-sa@secundus-vision.iam.gserviceaccount.com"
    )
    assert names.repository_path("us-west1", "primus-models", "images") == (
        "us-west1-docker.pkg.dev/primus-models/images"
    )


LONGEST_PROJECT = "p" * 30


@pytest.mark.parametrize(
    ("pattern", "text"),
    [
        (names.PROJECT_ID, LONGEST_PROJECT),
        (names.BUCKET, f"{LONGEST_PROJECT}-result-bucket"),
        (names.REPOSITORY_ID, f"{LONGEST_PROJECT}-artifact-repo"),
        (names.ACCOUNT_ID, "workload-sa"),
        (names.POOL_ID, "primus-wip-" + "f" * 2 * names.SUFFIX_BYTES),
        (names.POOL_ID, "primus-wip-provider"),
        (names.COMPUTE_NAME, "workload-deny-ingress"),
        (names.SERVICE_ACCOUNT, "workload-sa@secundus-vision.iam.gserviceaccount.com"),
        (names.IMAGE_REFERENCE, "us-west1-docker.pkg.dev/p/r/workload@sha256:" + "a" * 64),
    ],
)
def test_default_names_fit_their_limits_for_the_longest_project(pattern: str, text: str) -> None:
    """A default that Google refused would leave its reader nothing to mend."""
    assert re.fullmatch(pattern, text)


@pytest.mark.parametrize(
    ("pattern", "text"),
    [
        (names.PROJECT_ID, "Upper-case"),
        (names.PROJECT_ID, "short"),
        (names.PROJECT_NUMBER, "my-project"),
        (names.BUCKET, "my-google-bucket"),
        (names.BUCKET, "goog-bucket"),
        (names.BUCKET, "ab"),
        (names.POOL_ID, "gcp-pool"),
        (names.POOL_ID, "p" * 33),
        (names.DIGEST, "sha256:" + "A" * 64),
        (names.DIGEST, "latest"),
        (names.IMAGE_REFERENCE, "us-west1-docker.pkg.dev/p/r/workload:latest"),
        (names.IMAGE_REFERENCE, "us-west1-docker.pkg.dev/p/../r/workload@sha256:" + "a" * 64),
        (names.IMAGE_REFERENCE, "us-west1-docker.pkg.dev/p/r/workload:v1@sha256:" + "a" * 64),
    ],
)
def test_what_google_would_refuse_does_not_match(pattern: str, text: str) -> None:
    """Refused here at preview, or in the middle of an update by Google."""
    assert not re.fullmatch(pattern, text)
