"""Blocks of commands in a page that say who types them, and how they end.

```sh primus, or ```sh secundus. `exit N` behind that is the exit code of the block's last command;
without it, every command must succeed.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator


class Block(NamedTuple):
    """The commands of a block, and where they are."""

    heading: str
    company: str
    code: int
    commands: str


def blocks(page: str) -> Iterator[Block]:
    """Those that somebody types, in the order of the page."""
    heading = ""
    found = r"^## ([^\n]+)$|^```sh (primus|secundus)(?: exit (\d))?\n(.*?)^```$"
    for title, company, code, commands in re.findall(found, page, re.MULTILINE | re.DOTALL):
        heading = title or heading
        if company:
            yield Block(heading, company, int(code or 0), commands)
