"""The file by which a company hands its values to the other, where they share no backend.

Both directions have the same form: the author's file holds the handover of one operator, the
operator's file says whom to admit. Nothing in it is secret, and nothing in it is proof: whoever can
change the file can write everything in it. So each side compares it with what it has configured.

There is one form only (`canonical_json`). So the same values are the same bytes, both sides see the
same SHA-256, and a difference of two files is a difference of values.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from infra import handover, handover_checks
from infra.canonical_json import FormError, canonical, difference, parsed
from infra.handover import HandoverError
from infra.untrusted_text import described

if TYPE_CHECKING:
    from collections.abc import Mapping

    from infra.config.company_settings import Operator
    from infra.config.secundus_settings import Author
    from infra.handover import Handover

LARGEST: Final = 64 * 1024
"""Bytes; a handover of one model has about 1,000."""

DAYS: Final = 90
"""How long a file is valid, unless its maker says otherwise."""

MOST_DAYS: Final = 3650

SOON: Final = dt.timedelta(days=14)
"""How long before its end a file is reported as ending."""

_CLOCKS: Final = dt.timedelta(minutes=10)
"""How much two companies' clocks may differ."""

_FORM: Final = "%Y-%m-%dT%H:%M:%SZ"
_TIME: Final = re.compile(r"20[0-9]{2}(-[0-9]{2}){2}T[0-9]{2}(:[0-9]{2}){2}Z")


class Kind(NamedTuple):
    """One direction: the file's schema, the key with its values, who makes it and how."""

    schema: str
    key: str
    sender: str
    export: str


FROM_AUTHOR: Final = Kind(
    "confidential-inference/handover-from-author/v1",
    "handover",
    "the author of the model",
    ".venv/bin/confidential-inference handover export --stack primus --output FILE",
)
FROM_OPERATOR: Final = Kind(
    "confidential-inference/handover-from-operator/v1",
    "operator",
    "the operator of the machine",
    ".venv/bin/confidential-inference handover export --stack secundus --output FILE",
)
KINDS: Final = (FROM_AUTHOR, FROM_OPERATOR)


@dataclass(frozen=True, kw_only=True)
class HandoverFile:
    """A file of the agreed form; whether its values are acceptable is another question."""

    kind: Kind
    issued: dt.datetime
    expires: dt.datetime
    values: Mapping[str, Any]

    def written(self) -> bytes:
        """The one form of these values in a file."""
        return canonical(
            {
                "schema": self.kind.schema,
                "issued": self.issued.strftime(_FORM),
                "expires": self.expires.strftime(_FORM),
                self.kind.key: dict(self.values),
            }
        )

    @property
    def sha256(self) -> str:
        """Of the file's bytes, as `sha256sum` prints it: people compare it by another way."""
        return hashlib.sha256(self.written()).hexdigest()

    def require_valid(self, now: dt.datetime, source: str) -> None:
        """HandoverError if the file is not valid yet, or no longer."""
        if self.issued > now + _CLOCKS:
            raise HandoverError(
                f"{source}: got a file that was made at {self.issued.strftime(_FORM)}, which is in"
                f" the future: it is {now.strftime(_FORM)} here; a wrong clock on either side would"
                " let a file expire at the wrong time, so nothing was changed. Correct the clock"
                " (`date -u` prints it), or ask for a new file"
            )
        if self.expires <= now:
            raise HandoverError(
                f"{source}: got a file that expired at {self.expires.strftime(_FORM)}, expected one"
                f" that is valid at {now.strftime(_FORM)}: what was agreed then may have been"
                f" withdrawn since, so nothing was changed. Ask {self.kind.sender} for a new file,"
                f" made by: {self.kind.export}"
            )

    def ends_soon(self, now: dt.datetime) -> str:
        """A sentence if the file expires within SOON, else nothing."""
        if self.expires - now > SOON:
            return ""
        return (
            f"it expires at {self.expires.strftime(_FORM)} and is refused from then on. Ask"
            f" {self.kind.sender} for a new file, made by: {self.kind.export}"
        )


def made(kind: Kind, values: Mapping[str, Any], now: dt.datetime, days: int) -> HandoverFile:
    """A new file, valid from now on for some days."""
    issued = now.replace(microsecond=0)
    return HandoverFile(
        kind=kind, issued=issued, expires=issued + dt.timedelta(days=days), values=values
    )


def of_author(file: HandoverFile, author: Author, us: Operator, source: str) -> Handover:
    """The handover in an author's file, if this company can use it; HandoverError with the reason.

    Whether the file is still valid is not asked.
    """
    if file.kind != FROM_AUTHOR:
        raise HandoverError(
            f"{source} is from {file.kind.sender}, expected a file from {FROM_AUTHOR.sender}: it is"
            " of the other direction, and nothing can be launched by it; nothing was changed. Take"
            f" the author's, made by: {FROM_AUTHOR.export}"
        )
    missing = [key for key in ("operatorNumber", "operatorAccount") if not file.values.get(key)]
    if missing:
        raise HandoverError(
            f"{source} does not say whom the author admits: got no {' and no '.join(missing)}. The"
            " model would perhaps be refused after the boot; nothing was changed. Ask the author"
            f" for a file of this version of the program, made by: {FROM_AUTHOR.export}"
        )
    return handover_checks.accepted(
        file.values, author, us, f"{source}: the author", stack="primus"
    )


def read(data: bytes, source: str) -> HandoverFile:
    """The file of these bytes; HandoverError with every problem if its form is not the agreed one.

    This is the one place through which the bytes of a file come in. A signature over them will be
    verified here, before the first line reads them.
    """
    try:
        document = parsed(data, LARGEST)
    except FormError as error:
        raise HandoverError(
            f"{source} is no handover file: {error}; nothing was changed. Ask for the file as"
            " `confidential-inference handover export` wrote it"
        ) from error
    kind = _kind(document, source)
    problems = [
        f"{key}: got {described(document.get(key))}, expected a time in UTC such as"
        " 2026-11-27T08:30:00Z"
        for key in ("issued", "expires")
        if _time(document.get(key)) is None
    ]
    issued, expires = _time(document.get("issued")), _time(document.get("expires"))
    if issued and expires and expires <= issued:
        problems.append(f"expires: got {document['expires']}, expected a time after issued")
    values = document.get(kind.key)
    if not isinstance(values, dict):
        problems.append(f"{kind.key}: got {described(values)}, expected an object")
    problems += handover_checks.unknown(
        [key for key in document if key not in _keys(kind)], kind.schema
    )
    if form := difference(data, document):
        problems.append(f"its values are in another form than the command writes: {form}")
    if problems or not (issued and expires and isinstance(values, dict)):
        raise HandoverError(
            f"{source} is not as the command writes it; nothing was changed."
            + "".join(f"\n  - {problem}" for problem in problems)
            + f"\nAsk {kind.sender} for the file again, byte by byte, or for a new one, made by:"
            f" {kind.export}"
        )
    return HandoverFile(kind=kind, issued=issued, expires=expires, values=values)


def _kind(document: Mapping[str, Any], source: str) -> Kind:
    schema = document.get("schema")
    for kind in KINDS:
        if schema == kind.schema:
            return kind
    if schema == handover.SCHEMA:
        raise HandoverError(
            f"{source} holds an output of stack primus, expected a handover file, which says until"
            " when it is valid; nothing was changed. Have the author of the model make one:"
            f" {FROM_AUTHOR.export}"
        )
    expected = " or ".join(repr(kind.schema) for kind in KINDS)
    raise HandoverError(
        f"{source} has the schema {described(schema)}, expected {expected}: it is no handover file,"
        " or the two companies run versions of this program that do not fit; nothing was changed."
        " Use the same version, and make the file again"
    )


def _keys(kind: Kind) -> tuple[str, ...]:
    return ("schema", "issued", "expires", kind.key)


def _time(value: object) -> dt.datetime | None:
    if not isinstance(value, str) or not _TIME.fullmatch(value):
        return None
    try:
        return dt.datetime.strptime(value, _FORM).replace(tzinfo=dt.UTC)
    except ValueError:  # such as the 31st of February
        return None
