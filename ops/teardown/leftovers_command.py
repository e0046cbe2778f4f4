"""The command `leftovers`: what a stack has left in its project and on this machine."""

from __future__ import annotations

import os
from pathlib import Path
from tempfile import gettempdir
from typing import TYPE_CHECKING, Final

from infra.config import primus_settings, secundus_settings
from infra.config.problems import SettingsError
from infra.stack_name import StackNameError, for_stack, parse_qualified
from ops.exit_codes import BROKEN, OK, UNUSABLE
from ops.google_api import CredentialsError, GoogleApi, identity
from ops.pulumi_command import StackError
from ops.stack_configuration import configuration
from ops.teardown import leftovers
from ops.teardown.leftovers import Leftover
from ops.terminal import print_error, standard_output, styled

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator

HELP: Final = "what is left in the project of a stack after `pulumi destroy`"
EPILOG: Final = (
    "It looks for what the configuration of the stack names; of a stack that is deployed, all of it"
    " is left. Enabled APIs stay: other programs may use them. Exit code 0: nothing is left; 1:"
    " something is; 2: something could not be asked for."
)
COPIES: Final = "pulumi-asset-*"
"""The provider plugin's copies of uploaded files, the model among them."""


def add(parser: argparse.ArgumentParser) -> None:
    """The options."""
    parser.add_argument("--stack", required=True, help="the stack that was destroyed")


def run(options: argparse.Namespace) -> int:
    """Run the command; returns its exit code."""
    try:
        name = parse_qualified(options.stack)
        values = configuration(options.stack, os.environ)
        api = GoogleApi(identity())
        if name.company == "primus":
            found = [*leftovers.of_primus(api, primus_settings.parse(values, name))]
        else:
            found = [*leftovers.of_secundus(api, secundus_settings.parse(values, name))]
    except (StackError, StackNameError, SettingsError, CredentialsError) as error:
        print_error(for_stack(f"{error}", options.stack))
        return UNUSABLE
    found += _copies(Path(gettempdir()))
    terminal = standard_output()
    left = [each for each in found if each.remove]
    for each in found:
        if not each.error:
            terminal.print(styled(f"{each.what}", "yellow" if each.remove else ""), soft_wrap=True)
        if each.remove:
            terminal.print(styled(f"  remove: {each.remove}"), soft_wrap=True)
    terminal.print("Something is left." if left else "Nothing is left that costs or admits.")
    unknown = [each for each in found if each.error]
    for each in unknown:
        print_error(f"{each.what}: not known: {each.error}")
    return UNUSABLE if unknown else BROKEN if left else OK


def _copies(folder: Path) -> Iterator[Leftover]:
    copies = sorted(folder.glob(COPIES))
    if copies:
        yield Leftover(
            what=f"copies of uploaded files in {folder}, perhaps of the model: {len(copies)}",
            remove=f"rm {folder}/{COPIES}",
        )
