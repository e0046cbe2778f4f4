"""Measures the report of a run of many pictures: `python -m bench.report_page`.

It prints the size of the page and of one picture's part, the time to write it from thumbnails, and
the times that Chromium takes to open it and to sort it.
"""

from __future__ import annotations

import argparse
import random
import tempfile
import time
from pathlib import Path
from typing import Any, Final

from playwright.sync_api import sync_playwright

from bench.pictures import SMALL, make
from ops.records import Run
from ops.report import files, page, thumbnails
from rehearsal import chromium

DIFFERENT: Final = 100
"""Pictures that are made; the page repeats their thumbnails."""
LABELS: Final = ("crack", "hole", "stain", "scratch", "spatter", "clean")
RUNNING: Final = "document.querySelector('#status').textContent.includes(' of ')"


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(prog="python -m bench.report_page", description=__doc__)
    parser.add_argument("--pictures", type=int, default=page.MOST, help="(default: %(default)s)")
    number = parser.parse_args().pictures
    with tempfile.TemporaryDirectory(prefix="confidential-inference-report-") as scratch:
        folder = make(SMALL, DIFFERENT, Path(scratch))
        small = [thumbnails.thumbnail(each.read_bytes()) for each in sorted(folder.iterdir())]
        run = Run(tuple(map(_record, range(number))), None)
        path = Path(scratch) / "run.html"
        began = time.monotonic()
        source = page.Source(results="gs://results", pictures="gs://pictures")
        shown = [small[n % DIFFERENT] for n in range(number)]
        files.write(path, page.page(run, source, shown, number))
        written = time.monotonic() - began
        size = path.stat().st_size
        _print(f"{number:,} pictures: {size / 1e6:.1f} MB, {size / number / 1e3:.1f} KB each")
        _print(f"written from thumbnails in {written:.1f} s")
        _open(path)


def _record(number: int) -> dict[str, Any]:
    order = random.Random(number)  # noqa: S311  no secret: any spread of scores will do
    scores = sorted((order.random() for _ in LABELS[1:]), reverse=True)
    best = [
        {"classIndex": n, "label": label, "score": round(score / sum(scores), 5)}
        for n, (label, score) in enumerate(zip(LABELS, scores, strict=False))
    ]
    return {
        "name": f"camera-{number % 7}/part-{number:06}.jpg",
        "generation": str(1_700_000_000_000_000 + number),
        "sha256": f"{number:064x}",
        "label": LABELS[0],
        "topK": best,
    }


def _open(path: Path) -> None:
    if missing := chromium.missing_reason():
        _print(f"not opened: {missing}")
        return
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium.find())
        tab = browser.new_page()
        began = time.monotonic()
        tab.goto(path.as_uri())
        tab.wait_for_function(RUNNING)
        opened = time.monotonic()
        tab.select_option("#order", "lowest")
        tab.locator(".card img").first.is_visible()
        _print(
            f"Chromium opens it in {opened - began:.1f} s, and sorts it in"
            f" {time.monotonic() - opened:.2f} s"
        )
        browser.close()


def _print(line: str) -> None:
    print(line, flush=True)  # noqa: T201  the answer


if __name__ == "__main__":
    main()
