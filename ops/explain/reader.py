"""Finds the causes in what `pulumi` printed."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from infra.untrusted_text import shown
from ops.explain.google_causes import GOOGLE
from ops.explain.pulumi_causes import PULUMI

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ops.explain.cause import Whose

LARGEST: Final = 20 * 2**20
"""Bytes: the output of a long update."""
LONGEST: Final = 300
"""Characters of a message that are shown."""
_COLOUR: Final = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")
_STACK: Final = re.compile(
    r"^(?:Updating|Previewing update|Destroying|Previewing destroy|Refreshing|Previewing refresh)"
    r" \(([\w./-]+)\)",
    re.MULTILINE,
)
_RESOURCE: Final = re.compile(r"^ {2}(?P<type>[\w:/@-]+) \((?P<name>[^)\n]+)\):$", re.MULTILINE)
_MESSAGE: Final = re.compile(r"\berror: |^error: |\*\*(?:creating|updating|deleting) failed\*\*")
_EVERY: Final = (*PULUMI, *GOOGLE)


class UnknownError(Exception):
    """Nothing in the text is known; the message says what to do."""


@dataclass(frozen=True, kw_only=True)
class Explanation:
    """One cause, and where it was met."""

    resource: str
    """TYPE NAME; empty where the output does not say"""
    message: str
    """the sentence that was explained, as it was printed"""
    when: str
    whose: Whose
    fix: str


def stack_of(text: str) -> str:
    """The stack that was updated, as the engine says; STACK where it does not."""
    found = _STACK.search(text)
    return found[1].rpartition("/")[2] if found else "STACK"


def explained(output: bytes) -> tuple[Explanation, ...]:
    """Each cause once, in the order of the output; UnknownError if there is none."""
    text = _COLOUR.sub("", output.decode(errors="replace")).replace("\r", "")
    stack = stack_of(text)
    found: dict[tuple[str, str], Explanation] = {}
    unknown = []
    for resource, message in _messages(text):
        explanation = _explanation(resource, message, stack)
        if explanation is None:
            unknown.append(message)
        else:
            found.setdefault((explanation.when, explanation.resource), explanation)
    if not found:
        said = f": {shown(unknown[0], LONGEST)}" if unknown else ""
        raise UnknownError(
            f"nothing in this output is known to `explain`{said}. Messages of the program itself"
            " say what to do. Expected the whole output of a `pulumi up`, `preview`, `destroy` or"
            " `refresh` that failed: pulumi up --yes --stack STACK 2>&1 | tee up.log"
        )
    return tuple(found.values())


def _messages(text: str) -> Iterator[tuple[str, str]]:
    """Each message with the resource that the engine prints above it, on one line."""
    # `Diagnostics:` repeats what the tree of resources has cut.
    text = text.partition("\nDiagnostics:\n")[2] or text
    resource = ""
    lines: list[str] = []
    for line in text.splitlines():
        if heading := _RESOURCE.match(line):
            yield from _joined(resource, lines)
            lines = []
            name = heading["name"]
            resource = "" if "Stack" in heading["type"] else f"{heading['type']} {name}"
        elif _MESSAGE.search(line):
            yield from _joined(resource, lines)
            lines = [line]
        elif lines:
            lines.append(line)
    yield from _joined(resource, lines)


def _joined(resource: str, lines: list[str]) -> Iterator[tuple[str, str]]:
    message = " ".join(line.strip() for line in lines).strip()
    # The engine's own summary of what failed.
    if message and message not in ("error: update failed", "error: preview failed"):
        yield resource, message


def _explanation(resource: str, message: str, stack: str) -> Explanation | None:
    kind = f"{resource} {message}"
    for pattern, cause in _EVERY:
        if found := re.search(pattern, kind):
            values = {key: shown(value or "", LONGEST) for key, value in found.groupdict().items()}
            words = {"stack": stack, **values, "api": values.get("api") or "API.googleapis.com"}
            return Explanation(
                resource=shown(resource, LONGEST),
                message=shown(message, LONGEST),
                when=cause.when.format(**words),
                whose=cause.whose,
                fix=cause.fix.format(**words),
            )
    return None
