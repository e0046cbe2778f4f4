"""Reads the handover from a file: what `peer_stack` does for companies that share no backend."""

from __future__ import annotations

from typing import TYPE_CHECKING

from infra import handover_file
from infra.handover import HandoverError

if TYPE_CHECKING:
    import datetime as dt
    from pathlib import Path

    from infra.config.company_settings import Operator
    from infra.config.secundus_settings import Author
    from infra.handover import Handover

_IMPORT = ".venv/bin/confidential-inference handover import FILE --stack secundus"


def from_file(path: Path, author: Author, us: Operator, now: dt.datetime) -> tuple[Handover, str]:
    """The handover of a file, and a warning if the file expires soon, else an empty text.

    HandoverError for a file that is missing, malformed or expired, is for somebody else, or has
    values that do not belong to the author.
    """
    try:
        with path.open("rb") as content:
            data = content.read(handover_file.LARGEST + 1)
    except OSError as error:
        raise HandoverError(
            f"handover: {path} cannot be read ({error.strerror}), expected the file that the author"
            " of the model handed over, by its path from the folder of Pulumi.yaml; without it"
            f" there is nothing to launch, and nothing was changed. Take the file: {_IMPORT}"
        ) from error
    file = handover_file.read(data, f"{path}")
    file.require_valid(now, f"{path}")
    accepted = handover_file.of_author(file, author, us, f"{path}")
    warning = file.ends_soon(now)
    return accepted, f"{path}: {warning}" if warning else ""
