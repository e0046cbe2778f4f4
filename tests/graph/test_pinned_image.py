"""What becomes of an image that config pins, as the provider answers for it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest

from tests.fixtures.stack_files import committed
from tests.graph.mocked import Refused, deploy

if TYPE_CHECKING:
    from collections.abc import Callable

PINNED = "sha256:" + "d4" * 32
ABSENT = "googleapi: Error 404: Requested entity was not found."


@pytest.fixture
def primus() -> Callable[..., Any]:
    """Primus with a pinned image, deployed against a provider that answers as given."""
    return lambda **answers: deploy(
        "primus", {**committed("primus"), "image": {"digest": PINNED}}, **answers
    )


def test_a_pinned_image_that_is_in_the_repository_is_handed_over(
    primus: Callable[..., Any],
) -> None:
    """No image is built, and nothing is warned of."""
    graph = primus()
    assert graph.exports["handover"]["image"].endswith(f"/workload@{PINNED}")
    assert graph.all("Image") == []
    assert graph.warnings == []


def test_a_pinned_image_that_is_absent_from_an_old_repository_is_refused(
    primus: Callable[..., Any],
) -> None:
    """Only the launcher would notice otherwise, on the other company's machine."""
    with pytest.raises(Refused, match=f"image.digest: got {PINNED}, expected the digest of"):
        primus(image_lookup=ABSENT)


def test_a_pinned_image_that_is_absent_from_a_new_repository_is_a_warning(
    primus: Callable[..., Any],
) -> None:
    """It can be pushed only once the repository is there."""
    graph = primus(image_lookup=ABSENT, repository_created=datetime.now(UTC).isoformat())
    (warning,) = graph.warnings
    assert f"got {PINNED}" in warning
    assert "docker buildx build --push" in warning


def test_a_pinned_image_that_cannot_be_looked_up_is_a_warning(primus: Callable[..., Any]) -> None:
    """An answer other than "not there" says nothing about the image."""
    graph = primus(image_lookup="googleapi: Error 503: The service is unavailable.")
    (warning,) = graph.warnings
    assert f"@{PINNED} is there: " in warning
    assert "Error 503" in warning
