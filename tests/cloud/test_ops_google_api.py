"""`ops.google_api` against the local cloud: answers, pages, and what an error says."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from google.oauth2.credentials import Credentials

from ops.google_api import NO_ANSWER, ApiError, GoogleApi
from tests.cloud.conftest import OWNER, READER

if TYPE_CHECKING:
    from google.cloud.storage import Client

    from rehearsal.cloud.state import Cloud

OBJECTS = "storage.googleapis.com/storage/v1/b/a-bucket/o"


@pytest.fixture
def api(cloud: Cloud) -> GoogleApi:
    """A session of an administrator of Primus' storage."""
    cloud.projects["primus-models"].services.add("storage.googleapis.com")
    return as_member(cloud, OWNER)


def as_member(cloud: Cloud, member: str) -> GoogleApi:
    """A session of any member."""
    return GoogleApi(Credentials(cloud.mint(member)))  # type: ignore[no-untyped-call]  # untyped


def test_a_list_has_the_items_of_all_its_pages(api: GoogleApi, cloud: Cloud, owner: Client) -> None:
    """Google gives one page at a time."""
    bucket = owner.create_bucket("a-bucket", location="us-west1")
    for name in ("a", "b", "c"):
        bucket.blob(name).upload_from_string(name)
    assert [each["name"] for each in api.pages(OBJECTS, "items", maxResults="1")] == ["a", "b", "c"]
    api.delete(f"{OBJECTS}/b")
    assert [*cloud.buckets["a-bucket"].objects] == ["a", "c"]


def test_an_error_has_status_and_reason_and_googles_sentence(api: GoogleApi, cloud: Cloud) -> None:
    """A command decides by status and reason, and shows the sentence."""
    with pytest.raises(ApiError, match=r"404 .*bucket does not exist") as missing:
        api.get("storage.googleapis.com/storage/v1/b/nowhere")
    assert (missing.value.status, missing.value.reason) == (404, "notFound")
    with pytest.raises(ApiError, match="403 ") as refused:
        api.get(f"iam.googleapis.com/v1/projects/primus-models/serviceAccounts/{READER}")
    assert (refused.value.status, refused.value.reason) == (403, "SERVICE_DISABLED")
    cloud.projects["primus-models"].services.add("iam.googleapis.com")
    with pytest.raises(ApiError, match=r"iam\.serviceAccounts\.get") as refused:
        api.get(f"iam.googleapis.com/v1/projects/primus-models/serviceAccounts/{READER}")
    assert (refused.value.status, refused.value.reason) == (403, "IAM_PERMISSION_DENIED")


def test_no_answer_is_an_error_without_a_status(
    api: GoogleApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody listens there."""
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:1")
    with pytest.raises(ApiError) as refused:
        api.get("storage.googleapis.com/storage/v1/b/nowhere")
    assert refused.value.status == NO_ANSWER
