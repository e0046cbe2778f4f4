"""Identifiers are spelt as Google spells them, and within Google's limits."""

from __future__ import annotations

import re

import pytest

from infra import naming


def test_audience_names_the_provider_by_project_number() -> None:
    """The token service knows a provider only under this name."""
    assert naming.audience("111111111111", "primus-wip-abc", "primus-wip-provider") == (
        "//iam.googleapis.com/projects/111111111111/locations/global"
        "/workloadIdentityPools/primus-wip-abc/providers/primus-wip-provider"
    )


def test_attested_members_are_one_value_of_one_attribute_and_never_the_whole_pool() -> None:
    """A grant to `/*` would leave the condition as the only guard."""
    member = naming.attested("111111111111", "pool", "image_digest", "sha256:ab")
    assert member == (
        "principalSet://iam.googleapis.com/projects/111111111111/locations/global"
        "/workloadIdentityPools/pool/attribute.image_digest/sha256:ab"
    )


def test_service_accounts_of_a_project_are_one_principal_set() -> None:
    """No account needs to exist, so Primus can deploy first."""
    assert naming.service_accounts_of("222222222222") == (
        "principalSet://cloudresourcemanager.googleapis.com/projects/222222222222"
        "/type/ServiceAccount"
    )


def test_service_account_and_repository_follow_from_ids() -> None:
    """Both are known before any resource exists."""
    assert naming.service_account("workload-sa", "secundus-vision") == (
        "workload-sa@secundus-vision.iam.gserviceaccount.com"
    )
    assert naming.repository_path("us-west1", "primus-models", "images") == (
        "us-west1-docker.pkg.dev/primus-models/images"
    )


LONGEST_PROJECT = "p" * 30


@pytest.mark.parametrize(
    ("pattern", "text"),
    [
        (naming.PROJECT_ID, LONGEST_PROJECT),
        (naming.BUCKET, f"{LONGEST_PROJECT}-result-bucket"),
        (naming.REPOSITORY_ID, f"{LONGEST_PROJECT}-artifact-repo"),
        (naming.ACCOUNT_ID, "workload-sa"),
        (naming.POOL_ID, "primus-wip-" + "f" * 2 * naming.SUFFIX_BYTES),
        (naming.POOL_ID, "primus-wip-provider"),
        (naming.COMPUTE_NAME, "workload-deny-ingress"),
        (naming.SERVICE_ACCOUNT, "workload-sa@secundus-vision.iam.gserviceaccount.com"),
        (naming.IMAGE_REFERENCE, "us-west1-docker.pkg.dev/p/r/workload@sha256:" + "a" * 64),
    ],
)
def test_default_names_fit_their_limits_for_the_longest_project(pattern: str, text: str) -> None:
    """Google must accept every default."""
    assert re.fullmatch(pattern, text)


@pytest.mark.parametrize(
    ("pattern", "text"),
    [
        (naming.PROJECT_ID, "Upper-case"),
        (naming.PROJECT_ID, "short"),
        (naming.PROJECT_NUMBER, "my-project"),
        (naming.BUCKET, "my-google-bucket"),
        (naming.BUCKET, "goog-bucket"),
        (naming.BUCKET, "ab"),
        (naming.POOL_ID, "gcp-pool"),
        (naming.POOL_ID, "p" * 33),
        (naming.DIGEST, "sha256:" + "A" * 64),
        (naming.DIGEST, "latest"),
        (naming.IMAGE_REFERENCE, "us-west1-docker.pkg.dev/p/r/workload:latest"),
        (naming.IMAGE_REFERENCE, "us-west1-docker.pkg.dev/p/../r/workload@sha256:" + "a" * 64),
        (naming.IMAGE_REFERENCE, "us-west1-docker.pkg.dev/p/r/workload:v1@sha256:" + "a" * 64),
    ],
)
def test_a_name_that_google_refuses_does_not_match(pattern: str, text: str) -> None:
    """A preview refuses it; Google would refuse it in the middle of an update."""
    assert not re.fullmatch(pattern, text)
