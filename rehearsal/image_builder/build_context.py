"""The build context: a folder's files, without those that its .dockerignore excludes.

For the image, modes are reduced to "executable or not": a checkout with another umask gives the
same. The digest has the whole modes, because that of the genuine plugin has them:
https://github.com/pulumi/pulumi-docker/blob/v5.2.0/provider/provider.go
https://docs.docker.com/build/concepts/context/#dockerignore-files
"""

from __future__ import annotations

import hashlib
import re
import stat
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from rehearsal.image_builder.oci import Tree

EXECUTABLE, PLAIN = 0o755, 0o644
OWNER_MAY_EXECUTE = 0o100


class ContextError(ValueError):
    """The folder cannot be a build context."""


def read(folder: Path, dockerfile: Path) -> Tree:
    """The context's files; ContextError for a symbolic link, or if there is no such folder."""
    if not folder.is_dir():
        raise ContextError(f"build context {folder}: got no folder there, expected one")
    own = dockerfile.with_name(dockerfile.name + ".dockerignore")
    rules_file = own if own.is_file() else folder / ".dockerignore"
    rules = ignore_rules(rules_file.read_text() if rules_file.is_file() else "")
    tree: Tree = {}
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        if ignored(rules, name):
            continue
        if path.is_symlink():
            raise ContextError(f"{path}: the local builder does not copy symbolic links")
        if path.is_file():
            executable = path.stat().st_mode & OWNER_MAY_EXECUTE
            tree[name] = (EXECUTABLE if executable else PLAIN, path.read_bytes())
    return tree


def digest(folder: Path, tree: Tree, dockerfile: bytes) -> str:
    """One hash over names, modes and contents of the context in a folder, and the Dockerfile."""
    total = hashlib.sha256(hashlib.sha256(dockerfile).digest())
    for name, (_, data) in sorted(tree.items()):
        mode = stat.S_IMODE((folder / name).stat().st_mode)
        total.update(f"{mode:o} {name}\0".encode() + hashlib.sha256(data).digest())
    return total.hexdigest()


def ignore_rules(text: str) -> list[tuple[bool, re.Pattern[str]]]:
    """The lines of a .dockerignore: whether each one excludes or includes, and its pattern."""
    rules = []
    for raw in text.splitlines():
        line = raw.strip()
        if line and not line.startswith("#"):
            pattern = line.removeprefix("!").strip().strip("/").removeprefix("./")
            rules.append((not line.startswith("!"), re.compile(_expression(pattern))))
    return rules


def ignored(rules: list[tuple[bool, re.Pattern[str]]], name: str) -> bool:
    """Whether a file is excluded: the last rule that matches it, or a folder above it, decides."""
    parts = name.split("/")
    above = ["/".join(parts[: depth + 1]) for depth in range(len(parts))]
    verdict = False
    for leaves_out, pattern in rules:
        if any(pattern.fullmatch(each) for each in above):
            verdict = leaves_out
    return verdict


def _expression(pattern: str) -> str:
    """The regular expression of a Go filepath.Match pattern; `**` is any number of folders."""
    pieces = re.split(r"(\*\*/?|\*|\?|\[[^\]]+\])", pattern)
    expressions = {"**/": "(?:.*/)?", "**": ".*", "*": "[^/]*", "?": "[^/]"}
    return "".join(
        expressions.get(piece) or (piece if piece.startswith("[") else re.escape(piece))
        for piece in pieces
    )
