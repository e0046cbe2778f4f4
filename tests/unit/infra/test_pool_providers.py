"""The providers of a pool, as Google lists them, or the reason why it does not."""

from __future__ import annotations

import io
import json
import urllib.error
import urllib.request
from email.message import Message
from typing import Any

import pytest

from infra.existing import pool_providers
from infra.existing.pool_providers import ListingError

TOKEN = "ya29.a-token"  # noqa: S105  nobody's


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[urllib.request.Request]:
    """The requests; the answers are taken from `answers`."""
    requests: list[urllib.request.Request] = []

    def answer(request: urllib.request.Request, timeout: float) -> io.BytesIO:
        assert timeout == pool_providers.SECONDS
        requests.append(request)
        given = ANSWERS[len(requests) - 1 if len(ANSWERS) > 1 else 0]
        if isinstance(given, Exception):
            raise given
        return io.BytesIO(given)

    monkeypatch.setattr(urllib.request, "urlopen", answer)
    ANSWERS.clear()
    return requests


ANSWERS: list[bytes | Exception] = []


def page(*names: str, token: str = "") -> bytes:
    """One page of the list."""
    listed = [{"name": name} for name in names]
    return json.dumps({"workloadIdentityPoolProviders": listed, "nextPageToken": token}).encode()


def test_all_pages_are_read_with_the_token(asked: list[urllib.request.Request]) -> None:
    """Deleted ones, too: their ids are reserved."""
    ANSWERS.extend([page("a", "b", token="next&page"), page("c")])  # noqa: S106  a page's
    found = pool_providers.all_of("p", "pool", TOKEN)
    assert [each["name"] for each in found] == ["a", "b", "c"]
    first, second = asked
    where = "https://iam.googleapis.com/v1/projects/p/locations/global/workloadIdentityPools/pool"
    assert first.full_url == f"{where}/providers?showDeleted=true&pageToken="
    assert second.full_url.endswith("pageToken=next%26page")
    assert first.get_header("Authorization") == f"Bearer {TOKEN}"


def test_a_pool_without_providers_has_none(asked: list[urllib.request.Request]) -> None:
    """Google leaves an empty list out."""
    ANSWERS.append(b"{}")
    assert pool_providers.all_of("p", "pool", TOKEN) == []
    assert len(asked) == 1


def refusal(content: bytes) -> urllib.error.HTTPError:
    """The error 403 with a body."""
    return urllib.error.HTTPError("url", 403, "Forbidden", Message(), io.BytesIO(content))


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (refusal(b'{"error": {"message": "Permission denied"}}'), "Error 403: Permission denied"),
        (refusal(b"<html>"), "Error 403: Forbidden"),
        (refusal(b"{}"), "Error 403: Forbidden"),
        (urllib.error.URLError("no route"), "URLError: <urlopen error no route>"),
        (TimeoutError("slow"), "TimeoutError: slow"),
        (b"<html>", "JSONDecodeError: "),
    ],
)
@pytest.mark.usefixtures("asked")
def test_no_list_is_an_error_without_the_token(answer: Any, message: str) -> None:
    """It can be shown to everybody."""
    ANSWERS.append(answer)
    with pytest.raises(ListingError) as refused:
        pool_providers.all_of("p", "pool", TOKEN)
    assert str(refused.value).startswith(message)
    assert TOKEN not in str(refused.value)


@pytest.mark.usefixtures("asked")
def test_a_list_without_an_end_is_an_error() -> None:
    """Each page names another one."""
    ANSWERS.append(page("a", token="more"))  # noqa: S106  a page's
    with pytest.raises(ListingError, match="more than 20 providers"):
        pool_providers.all_of("p", "pool", TOKEN)
