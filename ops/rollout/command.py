"""The command `rollout`: says where a rollout is, begins one, and retires what is old."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, Final

from infra.stack_name import for_stack
from ops.exit_codes import OK, UNUSABLE
from ops.pulumi_command import StackError, typed
from ops.pulumi_command import run as run_pulumi
from ops.rollout import model
from ops.rollout.stage import images
from ops.stack_configuration import configuration, project_folder, remove, set_all
from ops.stack_outputs import all_outputs
from ops.terminal import print_error, standard_output, styled

if TYPE_CHECKING:
    import argparse
    from collections.abc import Mapping

    from ops.rollout.stage import Images
    from ops.terminal import Terminal

HELP: Final = "replace an image or a model while the old one stays admitted for a while"
EPILOG: Final = (
    "`show` (the default) changes nothing. `begin` and `retire` change the configuration of the"
    " stack here, and `pulumi up` deploys that. Exit code 0: done; 2: nothing was changed."
    " docs/operations.md has the whole way."
)


def add(parser: argparse.ArgumentParser) -> None:
    """The options."""
    parser.add_argument(
        "action",
        nargs="?",
        choices=("show", "begin", "retire"),
        default="show",
        help="where it is; keep what is deployed admitted; admit only the new one",
    )
    parser.add_argument("--stack", default="primus", help="the stack of Primus (default: primus)")
    which = parser.add_mutually_exclusive_group()
    which.add_argument(
        "--operator",
        metavar="NAME",
        help="the image of this operator alone (default: the image of all)",
    )
    which.add_argument("--model", metavar="NAME", help="a model; `model` is the one without a name")


def run(options: argparse.Namespace) -> int:
    """Run the command; returns its exit code."""
    stack = options.stack
    try:
        outputs = all_outputs(stack, os.environ)
        configured = configuration(stack, os.environ)
        act = _model if options.model else _image
        act(standard_output(), options, outputs, configured)
    except (StackError, OSError) as error:
        print_error(for_stack(f"{error}", stack))
        return UNUSABLE
    return OK


def _image(
    terminal: Terminal,
    options: argparse.Namespace,
    outputs: Mapping[str, Any],
    configured: Mapping[str, object],
) -> None:
    stack, operator = options.stack, options.operator
    found = images(outputs, configured, stack, operator)
    if options.action == "begin":
        # Also those that stay from an earlier rollout, which nobody has retired.
        kept = dict.fromkeys((*found.also, *found.deployed))
        keys = {f"{found.key}.admitAlso[{n}]": digest for n, digest in enumerate(kept)}
        _configure(terminal, set_all(stack, keys))
    elif options.action == "retire" and found.also:
        if not found.own:
            raise StackError(
                f"{found.key}.admitAlso is not set: this operator has the list of all. End that:"
                f" rollout retire --stack {stack}, without --operator"
            )
        _configure(terminal, remove(stack, f"{found.key}.admitAlso"))
    if options.action != "show":
        found = images(outputs, configuration(stack, os.environ), stack, operator)
    _show(terminal, found)
    terminal.print(found.following(stack), soft_wrap=True)


def _show(terminal: Terminal, found: Images) -> None:
    for digest in found.deployed:
        how = "launched by the next machine" if digest == found.launched else "admitted beside it"
        terminal.print(styled(f"{digest}  {how}"), soft_wrap=True)


def _model(
    terminal: Terminal,
    options: argparse.Namespace,
    outputs: Mapping[str, Any],
    configured: Mapping[str, object],
) -> None:
    stack, name = options.stack, options.model
    update = typed(("up", "--stack", stack))
    if options.action == "begin":
        copy, command = model.kept(outputs, configured, stack, name, project_folder())
        terminal.print(styled(f"The deployed archive is kept as {copy}"), soft_wrap=True)
        _configure(terminal, command)
        following = (
            "Now put the new archive and its manifest in the place of the old ones, or name them:"
            f" {model.model_key(name)}.archive and {model.model_key(name)}.manifest. Then: {update}"
        )
    elif options.action == "retire":
        _configure(terminal, remove(stack, f"{model.model_key(name)}.admitAlso"))
        following = (
            f"The next update withdraws the old versions, with their objects: {update}. The copies"
            " on this disk stay: remove them when nobody wants to go back"
        )
    else:
        following = f"To begin: rollout begin --model {name}; to end: rollout retire --model {name}"
        for sha256, path in model.admitted_beside(configured, name).items():
            terminal.print(styled(f"{sha256}  stays admitted: {path}"), soft_wrap=True)
    terminal.print(following, soft_wrap=True)


def _configure(terminal: Terminal, command: tuple[str, ...]) -> None:
    run_pulumi(command, os.environ)
    terminal.print(typed(command), soft_wrap=True)
