"""The commands that errors and fixes tell the user to type."""

from __future__ import annotations

import shlex
import shutil
import sys
import sysconfig
from pathlib import Path
from typing import Final

NAME: Final = "confidential-inference"
"""The console script of pyproject.toml."""


def own_command() -> str:
    """The shortest command that starts this program again, from the current folder.

    The script's name if the shell finds the script of this Python; the script's path if it does
    not, because the virtual environment is not active; `python -m ops` if there is no script.
    """
    script = Path(sysconfig.get_path("scripts"), NAME)
    if not script.exists():
        return f"{_path(Path(sys.executable))} -m ops"
    found = shutil.which(NAME)
    return NAME if found and Path(found) == script else _path(script)


def _path(program: Path) -> str:
    try:
        return shlex.quote(str(program.relative_to(Path.cwd())))
    except (OSError, ValueError):  # the current folder was deleted, or is not above the program
        return shlex.quote(str(program))


OPS: Final = own_command()
RESULTS: Final = f"{OPS} results --stack secundus"
SUBMIT: Final = f"{OPS} submit --stack secundus"
SERIAL: Final = "gcloud compute instances get-serial-port-output VM --zone ZONE > launcher.log"
"""It works only while the machine is on, which stops soon after its workload."""


def export(vm: str = "VM", project: str = "PROJECT") -> str:
    """The command that exports the launcher's log, from Cloud Logging: the machine may be off."""
    query = f'logName:"confidential-space-launcher" jsonPayload._HOSTNAME="{vm}"'
    where = f"--project {shlex.quote(project)}"
    return f"gcloud logging read {shlex.quote(query)} {where} --format=json > launcher.json"


EXPORT: Final = export()
EXPLAIN: Final = f"{OPS} why launcher.json"
PACK: Final = f"{OPS} pack MODEL --output FOLDER"
PRIMUS: Final = "pulumi up --stack primus"
SECUNDUS: Final = "pulumi up --stack secundus"
AGAIN: Final = f'pulumi config set run "$(date)" --stack secundus && {SECUNDUS}'
