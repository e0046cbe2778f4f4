"""Parses a Dockerfile: logical lines, flags, quotes and variables."""

from __future__ import annotations

import json
import re
import shlex
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

VARIABLE = re.compile(r"\$(?:(\w+)|\{(\w+)\})", re.ASCII)
FLAG = re.compile(r"--([a-z-]+)(?:=(\S+))?\s+")
HEREDOC = re.compile(r"<<-?\s*[\"']?\w")


class DockerfileError(ValueError):
    """A Dockerfile that cannot be built here; the message begins with the line."""


@dataclass(frozen=True)
class Instruction:
    """One instruction: `source` is all of it on one line, `text` the part after its flags."""

    line: int
    source: str
    name: str
    flags: Mapping[str, str]
    text: str

    def error(self, message: str) -> DockerfileError:
        """An error about this instruction."""
        return DockerfileError(f"Dockerfile:{self.line}: {self.name}: {message}")

    def exec_form(self) -> list[str]:
        """The text as a JSON array of strings; DockerfileError for the shell form."""
        try:
            value = json.loads(self.text)
        except json.JSONDecodeError:
            value = None
        if isinstance(value, list) and all(isinstance(each, str) for each in value):
            return value
        raise self.error(
            f'got the shell form, expected the exec form {self.name} ["program", "argument"]: a '
            "shell between launcher and program would interpret what the operator passes"
        )

    def words(self, variables: Mapping[str, str]) -> list[str]:
        """The words, with quotes removed and variables replaced; an unknown variable is empty."""
        if "\\" in self.text or "'" in self.text:
            raise self.error(f"got {self.text!r}, expected no backslash and only double quotes")
        try:
            found = shlex.split(self.text)
        except ValueError:
            raise self.error('got a " that is not closed') from None
        for word in found:
            if "${" in (rest := VARIABLE.sub("", word)):
                raise self.error(f"got {rest[rest.index('${') :]!r}, expected ${{NAME}}")
        return [VARIABLE.sub(lambda m: variables.get(m[1] or m[2], ""), each) for each in found]


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
    if unknown := sorted(flags.keys() - ({"from"} if step.name == "COPY" else set())):
        raise step.error(f"got --{', --'.join(unknown)}, which the local builder does not know")
    return step
