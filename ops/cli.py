"""The command line: a table of commands, each with a module of its own."""

from __future__ import annotations

import argparse
import signal
import sys
import threading
from typing import TYPE_CHECKING, Final, Protocol

from ops import pack_command, results_command, why_command
from ops.audit import command as audit_command
from ops.commands import NAME
from ops.doctor import command as doctor_command
from ops.explain import command as explain_command
from ops.fleet import submit_command
from ops.handover import command as handover_command
from ops.review import command as review_command
from ops.rollout import command as rollout_command
from ops.stop import command as stop_command
from ops.teardown import empty_command, leftovers_command
from ops.terminal import reader_may_stop

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence


class Command(Protocol):
    """What the module of a command has. It imports no slow library before the command runs."""

    @property
    def HELP(self) -> str:  # noqa: N802  a constant of the module
        """Half a line of `confidential-inference --help`."""

    @property
    def EPILOG(self) -> str:  # noqa: N802  same
        """What the exit codes, those of `exit_codes`, mean here."""

    def add(self, parser: argparse.ArgumentParser, /) -> None:
        """Add the options."""

    def run(self, options: argparse.Namespace, /) -> int:
        """Run the command; returns its exit code."""


COMMANDS: Final[Mapping[str, Command]] = {
    "doctor": doctor_command,
    "submit": submit_command,
    "results": results_command,
    "why": why_command,
    "review": review_command,
    "audit": audit_command,
    "explain": explain_command,
    "handover": handover_command,
    "rollout": rollout_command,
    "stop": stop_command,
    "empty": empty_command,
    "leftovers": leftovers_command,
    "pack": pack_command,
}
"""By name, in the order of `--help`."""


def parser() -> argparse.ArgumentParser:
    """The parser of all commands."""
    main = argparse.ArgumentParser(prog=NAME, description="What a company runs beside `pulumi`.")
    commands = main.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for name, command in COMMANDS.items():
        command.add(commands.add_parser(name, help=command.HELP, epilog=command.EPILOG))
    return main


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; returns its exit code."""
    options = _parsed(parser(), arguments)
    return until_stopped(lambda: COMMANDS[options.command].run(options))


def _parsed(
    commands: argparse.ArgumentParser, arguments: Sequence[str] | None
) -> argparse.Namespace:
    """The options; exits with UNUSABLE if one of them is empty.

    A variable of the shell that is not set must not mean that the option is not given: `submit
    --missing "$JOB"` would submit a whole new job.
    """
    options = commands.parse_args(arguments)
    if empty := [name for name, value in vars(options).items() if value == ""]:
        names = ", ".join(name.replace("_", "-") for name in empty)
        commands.error(f"got nothing for {names}, expected a value. Is a variable not set?")
    return options


def until_stopped(work: Callable[[], int]) -> int:
    """Run a command; returns its exit code, or that of the signal or closed pipe that ended it."""
    # SIGTERM ends the command as Ctrl-C does, so that the processes it started end too.
    signal.signal(signal.SIGINT, _interrupt)
    signal.signal(signal.SIGTERM, _interrupt)
    try:
        with reader_may_stop() as everything_read:
            code = work()
    except KeyboardInterrupt:
        print("stopped", file=sys.stderr)  # noqa: T201  the command's output
        return 128 + signal.SIGINT
    return code if everything_read() else 128 + signal.SIGPIPE


def _interrupt(_signal: int, _frame: object) -> None:
    # The threads that read the engine's output fail now, because their pipes close: ignore that.
    threading.excepthook = lambda _: None
    raise KeyboardInterrupt
