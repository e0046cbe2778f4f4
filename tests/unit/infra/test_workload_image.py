"""Only `IMAGE@sha256:…` of the very image that was pushed is taken for its digest."""

from __future__ import annotations

import pytest

from infra.components.workload_image import ImageError, digest_of

IMAGE = "us-west1-docker.pkg.dev/primus-models/repo/workload"
DIGEST = "sha256:" + "a1" * 32


def test_the_digest_of_a_pushed_image_is_read() -> None:
    """From the reference that the push returns."""
    assert digest_of(f"{IMAGE}@{DIGEST}", IMAGE) == DIGEST


@pytest.mark.parametrize(
    "text",
    [
        DIGEST,
        "<none>@<none>",
        "",
        f"{IMAGE}:latest",
        f"us-west1-docker.pkg.dev/other/repo/workload@{DIGEST}",
        f"{IMAGE.replace('.', 'x')}@{DIGEST}",
        f"{IMAGE}@{DIGEST}\n",
        f"{IMAGE}@{DIGEST.upper()}",
    ],
)
def test_any_other_reference_is_refused(text: str) -> None:
    """A local image id or another repository's digest would admit nobody, or somebody else."""
    with pytest.raises(ImageError, match="nothing was admitted"):
        digest_of(text, IMAGE)
