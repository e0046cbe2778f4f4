"""The report as one HTML page, which asks no other file and no server for anything.

Its content security policy allows exactly the page's own script and style, by their hashes, and
pictures that are in the page: https://www.w3.org/TR/CSP3/. Jinja escapes every text.
"""

from __future__ import annotations

import base64
import hashlib
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from infra.untrusted_text import shown
from infra.wording import counted
from ops.detail_causes import cause_of_result
from ops.google_client_errors import as_workload_message
from ops.picture_causes import explained
from ops.report.card import LONGEST, cards, chosen
from ops.report.thumbnails import CHANGED, REFUSED, UNREAD, Thumbnail
from ops.verdict_table import NOT_SAID

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from ops.records import Run
    from ops.report.card import Card

TEMPLATES: Final = Path(__file__).parent / "templates"
MOST: Final = 10_000
"""Pictures on a page, unless the user says another number."""
_CLASSES: Final = 1_000
"""Classes in the list to filter by."""


@dataclass(frozen=True, kw_only=True)
class Source:
    """Where the results and the pictures of a page come from."""

    results: str
    """gs://BUCKET"""
    pictures: str | None
    """gs://BUCKET; None if it is not known"""


def page(run: Run, source: Source, thumbnails: Sequence[Thumbnail], most: int = MOST) -> str:
    """The page. `thumbnails` are of `shown_records`, in their order; there can be none at all."""
    shown_cards = cards(run, most)
    small = thumbnails or [Thumbnail()] * len(shown_cards)
    script, style = _own("page.js"), _own("page.css")
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,  # names and labels are of other people
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    low, high = _range(run, shown_cards)
    return environment.get_template("page.html.jinja").render(
        policy="; ".join(
            (
                "default-src 'none'",
                f"script-src '{_hash(script)}'",
                f"style-src '{_hash(style)}'",
                "img-src data:",
                "base-uri 'none'",
                "form-action 'none'",
            )
        ),
        script=script,
        style=style,
        source=source,
        facts=list(_facts(run)),
        notes=[*run.notes, *_notes(run, source, thumbnails, most)],
        failure=_failure(run),
        text=None if run.text is None else list(map(shown, run.text.rstrip("\n").split("\n"))),
        causes=explained(run.failed),
        not_said=NOT_SAID,
        cards=zip(shown_cards, map(_image, small), small, strict=True),
        count=len(shown_cards),
        classes=Counter(each.label for each in shown_cards if each.bars).most_common(_CLASSES),
        low=low,
        high=high,
        failed=sum(bool(each.error) for each in shown_cards),
    )


def shown_records(run: Run, most: int = MOST) -> list[dict[str, Any]]:
    """The records of the pictures that the page shows, in its order."""
    return [record for _, record in chosen(run, most)]


def _own(name: str) -> Markup:
    """The content of a file of this package, which needs no escape."""
    return Markup((TEMPLATES / name).read_text(encoding="utf-8"))  # noqa: S704  our own file


def _hash(content: str) -> str:
    digest = hashlib.sha256(content.encode()).digest()
    return f"sha256-{base64.b64encode(digest).decode()}"


def _image(small: Thumbnail) -> str:
    return f"data:image/webp;base64,{base64.b64encode(small.webp).decode()}" if small.webp else ""


def _range(run: Run, shown_cards: Sequence[Card]) -> tuple[float, float]:
    """The ends of a bar. Only probabilities have known ones."""
    if run.has_probabilities:
        return 0.0, 1.0
    values = [bar.value for card in shown_cards for bar in card.bars] or [0.0]
    return min(values), max(values)


def _facts(run: Run) -> Iterator[tuple[str, str]]:
    failed = sum(run.failed.values())
    if run.failure is None and run.text is None:
        yield "classified", f"{len(run.records) - failed:,}"
        yield "failed", f"{failed:,}"
    summary = run.summary
    if summary is None:
        return
    yield "pictures a second", str(summary["picturesPerSecond"] or "not measured")
    yield "started", shown(summary["started"], LONGEST)
    yield "finished", shown(summary["finished"], LONGEST)
    if summary["continued"]:
        yield "taken over from an earlier start", f"{summary['continued']:,}"
    yield "scores", shown(summary["scores"], LONGEST)
    yield "engine", shown(summary["engine"], LONGEST)
    yield "model, SHA-256", shown(summary["modelSha256"], LONGEST)
    yield "image", shown(summary["imageDigest"] or "not known", LONGEST)


def _notes(run: Run, source: Source, thumbnails: Sequence[Thumbnail], most: int) -> Iterator[str]:
    left = len(run.records) - most
    if left > 0:
        yield (
            f"{counted(left, 'more picture')} of this run {'is' if left == 1 else 'are'} not on"
            " this page: `--most` says how many are; `--csv` and `--json` have all."
        )
    if run.records and not source.pictures:
        yield (
            "It is not known where the pictures are, so none was read. Name their bucket:"
            " `--pictures gs://BUCKET`."
        )
    reasons = Counter(each.missing for each in thumbnails)
    if thumbnails and reasons[CHANGED] == len(thumbnails):
        yield f"No picture of this run is in {source.pictures} any more, if that is their bucket."
    if refused := reasons[REFUSED]:
        yield (
            f"{counted(refused, 'picture')} could not be read with your rights. Ask for"
            " roles/storage.objectViewer on the input bucket, and write the report again."
        )
    if unread := reasons[UNREAD]:
        yield f"{counted(unread, 'picture')} could not be read. Write the report again."


def _failure(run: Run) -> dict[str, str] | None:
    if run.failure is None:
        return None
    cause = cause_of_result(as_workload_message(run.failure))
    return {
        "sentence": shown(run.failure),
        "mistake_of": str(cause.mistake_of or NOT_SAID),
        "fix": cause.fix,
    }
