"""A Dockerfile's text: logical lines, flags, quotes and variables; nothing is executed here."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

VARIABLE = re.compile(r"\$(?:(\w+)|\{(\w+)(?::([-+])([^{}$]*))?\})", re.ASCII)
FLAG = re.compile(r"--([a-z-]+)(?:=(\S+))?\s+")
HEREDOC = re.compile(r"<<-?\s*[\"']?\w")


class DockerfileError(ValueError):
    """A Dockerfile that cannot be built here; the message begins with the line."""


@dataclass(frozen=True)
class Instruction:
    """One instruction: `source` is all of it on one line, `text` what follows its flags."""

    line: int
    source: str
    name: str
    flags: Mapping[str, str]
    text: str

    def error(self, message: str) -> DockerfileError:
        """An error about this instruction."""
        return DockerfileError(f"Dockerfile:{self.line}: {self.name}: {message}")

    def only_flags(self, *known: str) -> None:
        """DockerfileError for any other flag."""
        if unknown := sorted(set(self.flags) - set(known)):
            raise self.error(
                f"got --{', --'.join(unknown)}, expected only --{', --'.join(known)} here"
            )

    def array(self) -> list[str] | None:
        """The text as a JSON array of strings (the exec form); None if it is anything else."""
        try:
            value = json.loads(self.text)
        except json.JSONDecodeError:
            return None
        strings = isinstance(value, list) and all(isinstance(each, str) for each in value)
        return value if strings else None


def parse(text: str) -> list[Instruction]:
    """The instructions of a Dockerfile, in order."""
    found: list[Instruction] = []
    pending, start = "", 0
    for number, raw in enumerate(text.splitlines(), 1):
        line = raw.strip()
        if re.match(r"#\s*escape\s*=\s*[^\\]", line) and not found:
            raise DockerfileError(f"Dockerfile:{number}: another escape character is not known")
        if not line or line.startswith("#"):
            continue
        start = start or number
        pending += (raw.rstrip() if pending else line).removesuffix("\\")
        if not line.endswith("\\"):
            found.append(_instruction(start, pending))
            pending, start = "", 0
    if pending:
        raise DockerfileError(f"Dockerfile:{start}: got the end of the file after a backslash")
    return found


def _instruction(line: int, text: str) -> Instruction:
    name, _, rest = text.partition(" ")
    rest = rest.strip() + " "
    flags = {}
    while flag := FLAG.match(rest):
        flags[flag[1]] = flag[2] or "true"
        rest = rest[flag.end() :]
    step = Instruction(line, text, name.upper(), flags, rest.strip())
    if HEREDOC.search(rest):
        raise step.error("here-documents are not known to the local builder")
    return step


def words(step: Instruction, variables: Mapping[str, str]) -> list[str]:
    """The words of an instruction, with quotes removed and variables replaced.

    Single quotes keep a dollar sign, as in Docker; an unknown variable is empty.
    """
    text, found = step.text, []
    word: str | None = None
    quote, position = "", 0
    while position < len(text):
        char = text[position]
        variable = VARIABLE.match(text, position) if quote != "'" else None
        position += 1
        if variable:
            word = (word or "") + _value(variable, variables)
            position = variable.end()
        elif char == "$" and text[position : position + 1] == "{" and quote != "'":
            raise step.error(f"got {text[position - 1 :]!r}, expected ${{NAME}}, :- or :+")
        elif char == "\\" and quote != "'" and position < len(text):
            escaped = text[position]
            kept = "\\" if quote and escaped not in '"$\\' else ""
            word = (word or "") + kept + escaped
            position += 1
        elif char in "'\"" and quote in ("", char):
            quote, word = ("" if quote else char), word or ""
        elif char.isspace() and not quote:
            found += [] if word is None else [word]
            word = None
        else:
            word = (word or "") + char
    if quote:
        raise step.error(f"got a {quote} that is not closed")
    return found + ([] if word is None else [word])


def _value(variable: re.Match[str], variables: Mapping[str, str]) -> str:
    value = variables.get(variable[1] or variable[2], "")
    if variable[3] == "-":
        return value or variable[4]
    if variable[3] == "+":
        return variable[4] if value else ""
    return value
