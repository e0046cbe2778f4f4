"""Reads and changes the configuration of a stack of the current folder, by `pulumi config`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Final

from infra.config.problems import NAMESPACE
from ops.pulumi_command import StackError, run

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ops.pulumi_command import Command

PROJECT_FILES: Final = ("Pulumi.yaml", "Pulumi.yml", "Pulumi.json")


def configuration(stack: str, environment: Mapping[str, str]) -> dict[str, object]:
    """The values of this program's keys, objects and lists too; StackError if there are none.

    A secret value counts as none: no key of this program is secret.
    """
    answer = run(("config", "--json", "--stack", stack), environment)
    found = json.loads(answer)
    return {
        # Of an object or a list, `value` is its JSON as one text.
        key.removeprefix(f"{NAMESPACE}:"): entry.get("objectValue", entry.get("value"))
        for key, entry in found.items()
        if key.startswith(f"{NAMESPACE}:")
    }


def set_all(stack: str, values: Mapping[str, str]) -> Command:
    """One command for all keys: either all of them are set, or none."""
    pairs = [("--plaintext", f"{NAMESPACE}:{key}={value}") for key, value in values.items()]
    return ("config", "set-all", "--stack", stack, "--path", *(w for pair in pairs for w in pair))


def remove(stack: str, key: str) -> Command:
    """The command that removes a key."""
    return ("config", "rm", "--stack", stack, "--path", f"{NAMESPACE}:{key}")


def project_folder() -> Path:
    """The folder of Pulumi.yaml, from here upwards, as the engine looks; StackError if none is."""
    here = Path.cwd()
    for folder in (here, *here.parents):
        if any((folder / name).is_file() for name in PROJECT_FILES):
            return folder
    raise StackError(
        f"got no {PROJECT_FILES[0]} in {here} or above it, expected the folder of the program:"
        " the configuration names the file from there. Change into that folder first"
    )
