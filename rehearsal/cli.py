"""The command line of `python -m rehearsal`; each command's work is in a module of its own."""

from __future__ import annotations

import argparse
import secrets
from typing import TYPE_CHECKING

from ops.cli import until_stopped
from ops.review.command import EPILOG, add_output
from ops.terminal import standard_output
from rehearsal.demo import loosen

if TYPE_CHECKING:
    from collections.abc import Sequence

REHEARSAL = ".venv/bin/python -m rehearsal"


def parser() -> argparse.ArgumentParser:
    """Every command and option."""
    main = argparse.ArgumentParser(prog=REHEARSAL, description=__doc__.partition(";")[0])
    commands = main.add_subparsers(dest="command", required=True, metavar="COMMAND")

    demo = commands.add_parser("demo", help="the main job, end to end, on a local cloud")
    demo.add_argument(
        "--loosen",
        action="append",
        choices=loosen.GUARDS,
        default=[],
        help="weaken a guard before the impostor comes, to see the demonstration fail; repeatable",
    )
    demo.add_argument(
        "--keep",
        metavar="FOLDER",
        help="leave the condition, the launchers' logs and the results there, for `why`",
    )

    preview = commands.add_parser(
        "preview", help="review what the working tree changes, on a local cloud", epilog=EPILOG
    )
    preview.add_argument(
        "--base",
        metavar="REV",
        help="the commit that is deployed before (default: the merge base with main)",
    )
    add_output(preview)

    fleet = commands.add_parser("fleet", help="many machines, some of which die, on a local cloud")
    fleet.add_argument("--pictures", type=int, default=20_000, help="how many (default: 20000)")
    fleet.add_argument("--kills", type=int, default=2, help="machines that lose power (default: 2)")
    fleet.add_argument(
        "--preemptions", type=int, default=1, help="machines that end with notice (default: 1)"
    )
    fleet.add_argument("--seed", type=int, help="of the moments (default: another each time)")

    cloud = commands.add_parser("cloud", help="a local cloud for ordinary pulumi commands by hand")
    cloud.add_argument("--port", type=int, default=0, help="the proxy's port (default: a free one)")
    cloud.add_argument("--folder", help="where the scratch copy goes (default: a temporary folder)")
    return main


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; gives its exit code."""
    chosen = parser().parse_args(arguments)
    return until_stopped(lambda: _run(chosen))


def _run(chosen: argparse.Namespace) -> int:
    if chosen.command == "demo":
        from rehearsal.demo.demonstration import run  # noqa: PLC0415  Pulumi's library takes long

        return run(standard_output(), frozenset(chosen.loosen), chosen.keep)
    if chosen.command == "fleet":
        from rehearsal.fleet.demonstration import Load  # noqa: PLC0415  same
        from rehearsal.fleet.demonstration import run as play  # noqa: PLC0415  same

        seed = secrets.randbelow(10**6) if chosen.seed is None else chosen.seed
        load = Load(
            pictures=chosen.pictures,
            kills=chosen.kills,
            preemptions=chosen.preemptions,
            seed=seed,
        )
        return play(standard_output(), load)
    if chosen.command == "preview":
        from rehearsal.preview_command import preview  # noqa: PLC0415  same

        return preview(chosen)
    from rehearsal.cloud_command import serve  # noqa: PLC0415  Pulumi's library takes long

    return serve(standard_output(), chosen.port, chosen.folder)
