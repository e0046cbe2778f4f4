"""What a person types next: the commands that errors, cures and documents name."""

from __future__ import annotations

from typing import Final

OPS: Final = ".venv/bin/python -m ops"
"""In the repository's folder, after `make setup`; the system's Python lacks the libraries."""
RESULTS: Final = f"{OPS} results"
SERIAL: Final = "gcloud compute instances get-serial-port-output VM --zone ZONE > launcher.log"
"""Only while the machine is on; it stops soon after its workload."""
EXPORT: Final = (
    'gcloud logging read \'logName:"confidential-space-launcher" jsonPayload._HOSTNAME="VM"\''
    " --format=json > launcher.json"
)
EXPLAIN: Final = f"{OPS} why launcher.json"
PRIMUS: Final = "pulumi up --stack primus"
SECUNDUS: Final = "pulumi up --stack secundus"
AGAIN: Final = f'pulumi config set run "$(date)" --stack secundus && {SECUNDUS}'
