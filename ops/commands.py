"""What a person types next: the commands that errors, cures and documents name."""

from __future__ import annotations

import shlex
from typing import Final

OPS: Final = ".venv/bin/python -m ops"
"""In the repository's folder, after `make setup`; the system's Python lacks the libraries."""
RESULTS: Final = f"{OPS} results"
SERIAL: Final = "gcloud compute instances get-serial-port-output VM --zone ZONE > launcher.log"
"""Only while the machine is on; it stops soon after its workload."""


def export(vm: str = "VM", project: str = "") -> str:
    """What gets the launcher's log out of Cloud Logging, also once the machine is off."""
    query = f'logName:"confidential-space-launcher" jsonPayload._HOSTNAME="{vm}"'
    where = f" --project {shlex.quote(project)}" if project else ""
    return f"gcloud logging read {shlex.quote(query)}{where} --format=json > launcher.json"


EXPORT: Final = export()
EXPLAIN: Final = f"{OPS} why launcher.json"
PRIMUS: Final = "pulumi up --stack primus"
SECUNDUS: Final = "pulumi up --stack secundus"
AGAIN: Final = f'pulumi config set run "$(date)" --stack secundus && {SECUNDUS}'
