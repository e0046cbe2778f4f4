"""Lists the providers of an identity pool, for which the gcp plugin has no function.

https://docs.cloud.google.com/iam/docs/reference/rest/v1/projects.locations.workloadIdentityPools.providers/list
"""

from __future__ import annotations

import json
import urllib.error
import urllib.parse
import urllib.request
from typing import Any, Final

SECONDS: Final = 30
_MOST_PAGES: Final = 20
_LIST: Final = (
    "https://iam.googleapis.com/v1/projects/{}/locations/global/workloadIdentityPools/{}/providers"
)


class ListingError(Exception):
    """Google did not answer; the text says why, and has no token in it."""


def all_of(project: str, pool: str, token: str) -> list[dict[str, Any]]:
    """Every provider as Google describes it, deleted ones too, whose ids are still reserved."""
    found: list[dict[str, Any]] = []
    page = ""
    for _ in range(_MOST_PAGES):
        query = urllib.parse.urlencode({"showDeleted": "true", "pageToken": page})
        answer = _get(f"{_LIST.format(project, pool)}?{query}", token)
        found += answer.get("workloadIdentityPoolProviders") or []
        page = answer.get("nextPageToken") or ""
        if not page:
            return found
    raise ListingError(f"more than {len(found)} providers")


def _get(url: str, token: str) -> dict[str, Any]:
    request = urllib.request.Request(url, headers={"Authorization": f"Bearer {token}"})  # noqa: S310  https
    try:
        with urllib.request.urlopen(request, timeout=SECONDS) as response:  # noqa: S310  https
            answer: dict[str, Any] = json.load(response)
    except urllib.error.HTTPError as error:
        raise ListingError(f"Error {error.code}: {_message(error)}") from None
    except (OSError, ValueError) as error:
        raise ListingError(f"{type(error).__name__}: {error}") from None
    return answer


def _message(error: urllib.error.HTTPError) -> str:
    with error:
        try:
            return str(json.load(error)["error"]["message"])
        except (OSError, ValueError, KeyError, TypeError):
            return error.reason
