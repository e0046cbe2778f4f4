"""The command `results`: waits for a run's results and shows them.

What a fleet left is shown by `ops.fleet.results_command`.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Final

from infra.stack_name import for_stack
from infra.untrusted_text import shown
from ops.exit_codes import BROKEN, OK, PARTLY, UNUSABLE
from ops.records import ResultsError
from ops.terminal import print_error, print_progress, standard_output

if TYPE_CHECKING:
    from ops.records import Run
    from ops.results import Where

LONGEST: Final = 200
HELP: Final = "wait for a run's results and show them"
EPILOG: Final = (
    "Exit code 0: every picture was classified; 1: the run failed, or its machine is off and left"
    " nothing, or every slice of the job was given up; 2: there is nothing to show; 3: some"
    " pictures could not be classified, or slices of the job are missing."
)


def add(parser: argparse.ArgumentParser) -> None:
    """The options."""
    parser.add_argument("--uri", help="gs://BUCKET (default: output of the stack here)")
    parser.add_argument(
        "--stack", default="secundus", help="the stack of the run (default: secundus)"
    )
    parser.add_argument(
        "--wait", type=float, default=600.0, metavar="SECONDS", help="how long (default: 600)"
    )
    which = parser.add_mutually_exclusive_group()
    which.add_argument(
        "--list",
        action="store_true",
        help="the runs whose results the bucket still has (keepRuns), or the jobs of a fleet",
    )
    which.add_argument(
        "--run", type=int, metavar="NUMBER", help="a run of --list, in place of the newest"
    )
    which.add_argument(
        "--job", metavar="JOB", help="a job of a fleet: its id, or `last` (default with a fleet)"
    )
    which.add_argument(
        "--stream", action="store_true", help="what a fleet made of pictures as they arrived"
    )
    parser.add_argument("--json", action="store_true", help="as data")
    files = parser.add_argument_group("files")
    files.add_argument(
        "--html", type=Path, metavar="FILE", help="write a page with the pictures, for a browser"
    )
    files.add_argument("--csv", type=Path, metavar="FILE", help="write a table, for a spreadsheet")
    files.add_argument(
        "--output", type=Path, metavar="FILE", help="write the records of a job or stream, merged"
    )
    files.add_argument(
        "--partial", action="store_true", help="write the --output also if records are missing"
    )
    files.add_argument(
        "--most",
        type=_positive,
        metavar="NUMBER",
        help="how many pictures the page shows, those that failed first (default: 10000)",
    )
    files.add_argument("--no-thumbnails", action="store_true", help="read no picture for the page")
    files.add_argument(
        "--pictures", metavar="URI", help="gs://BUCKET with the pictures (default: of the stack)"
    )


def _positive(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"got {text!r}, expected a number from 1")
    return int(text)


def run(options: argparse.Namespace) -> int:
    """Run the command; returns its exit code."""
    from ops import results, results_table  # noqa: PLC0415  the storage library is slow to import

    try:
        _require_consistent(options)
        where = (
            results.Where(results.bucket_of(options.uri))
            if options.uri
            else results.from_stack(options.stack, os.environ)
        )
        if options.job or options.stream or (where.dead_letters and options.run is None):
            from ops.fleet import results_command as of_fleet  # noqa: PLC0415  only for a fleet

            return of_fleet.run(options, where, lambda run: _write(run, where, options))
        _require_no_output(options)
        if options.list:
            return _list(where, as_data=options.json)
        fetched = (
            results.fetch(where, options.wait, print_progress)
            if options.run is None
            else results.former(where, options.run)
        )
        _write(fetched, where, options)
    except ResultsError as error:
        print_error(for_stack(f"{error}", options.stack))
        return BROKEN if isinstance(error, results.EndedError) else UNUSABLE
    if options.json:
        print(json.dumps(asdict(fetched)))  # noqa: T201  the answer
    else:
        in_file = options.html or options.csv
        results_table.show(standard_output(), fetched, pictures=not in_file)
    if fetched.failure is not None:
        return BROKEN
    return PARTLY if fetched.failed else OK


def _require_consistent(options: argparse.Namespace) -> None:
    """ResultsError for options that contradict each other, or a file that cannot be written.

    Nobody waits minutes for results to read that.
    """
    from ops import results  # noqa: PLC0415  the storage library is slow to import
    from ops.report import files  # noqa: PLC0415  only when a file is asked for

    paths = [path for path in (options.html, options.csv, options.output) if path]
    of_page = {
        "--most": options.most is not None,
        "--no-thumbnails": options.no_thumbnails,
        "--pictures": options.pictures is not None,
    }
    if options.stream:
        del of_page["--pictures"]  # a stream is found by its pictures
    alone = [name for name, given in of_page.items() if given and not options.html]
    if alone:
        raise ResultsError(f"got {', '.join(alone)} without --html FILE, which is what it is about")
    if options.partial and not options.output:
        raise ResultsError("got --partial without --output FILE, which is what it is about")
    if options.list and paths:
        raise ResultsError(
            "got --list with a file to write, and a list has no pictures. Choose one of the list:"
            " --run NUMBER, or --job JOB with a fleet"
        )
    names = {"page": options.html, "table": options.csv, "records": options.output}
    for (one, path), (other, same) in itertools.combinations(names.items(), 2):
        if path and same and path.resolve() == same.resolve():
            raise ResultsError(f"got {path} for the {one} and for the {other}, expected two files")
    if options.pictures:
        results.bucket_of(options.pictures)
    for path in paths:
        files.require_writable(path)


def _require_no_output(options: argparse.Namespace) -> None:
    """ResultsError for --output of one machine, which has written that file itself."""
    if options.output:
        raise ResultsError(
            "got --output, which is for the jobs or the stream of a fleet, and this is one machine:"
            " its records are one object. Copy it: gcloud storage cp gs://BUCKET/results.jsonl ."
        )


def _write(fetched: Run, where: Where, options: argparse.Namespace) -> None:
    """Write the files that the user asks for; ResultsError."""
    if not (options.html or options.csv):
        return
    from ops import results  # noqa: PLC0415  the storage library is slow to import
    from ops.report import report  # noqa: PLC0415  Jinja and Pillow, only when a file is asked for
    from ops.report.page import MOST  # noqa: PLC0415  same

    if options.html:
        pictures = results.bucket_of(options.pictures) if options.pictures else where.pictures
        what = report.Report(
            results=where.bucket,
            pictures=pictures,
            most=options.most or MOST,
            thumbnails=not options.no_thumbnails,
        )
        with results.reading(where) as client:
            report.write_html(options.html, fetched, what, client, print_progress)
    if options.csv and fetched.failure is not None:
        print_progress(f"no {options.csv}: the run failed, so it has no pictures to list")
    elif options.csv:
        report.write_csv(options.csv, fetched, print_progress)


def _list(where: Where, *, as_data: bool) -> int:
    """Print the runs that are there; ResultsError."""
    from ops import results  # noqa: PLC0415  the storage library is slow to import

    found = results.runs(where)
    if as_data:
        data = [{**asdict(each), "ended": each.ended.isoformat()} for each in found]
        print(json.dumps(data))  # noqa: T201  the answer
        return OK
    terminal = standard_output()
    for each in found:
        how = shown(each.first_line, LONGEST) if each.failed else "results"
        terminal.print(f"{each.number:>3}  {each.ended:%Y-%m-%d %H:%M:%S} UTC  {how}")
    terminal.print("Show one: --run NUMBER" if found else "There is none.")
    if hint := results.hint_at_jobs(where):
        terminal.print(hint, soft_wrap=True)
    return OK
