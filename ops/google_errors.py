"""The error answers of Google's REST APIs."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import requests


def message(answer: requests.Response) -> str:
    """The sentence of a Google error, or the text as it is."""
    try:
        return str(answer.json()["error"]["message"])
    except (ValueError, KeyError, TypeError):
        return answer.text.strip()
