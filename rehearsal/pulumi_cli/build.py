"""Builds the CLI from the Go modules whose hashes are in `go.sum`.

The modules contain only the `pulumi` binary, so the stand-in language host is copied beside it.
"""

from __future__ import annotations

import filecmp
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

from infra.wording import counted
from rehearsal.progress_line import Progress
from rehearsal.pulumi_cli.errors import UnavailableError

if TYPE_CHECKING:
    from collections.abc import Mapping

HERE = Path(__file__).parent

COMMAND = "github.com/pulumi/pulumi/pkg/v3/cmd/pulumi"
SDK = "github.com/pulumi/pulumi/sdk/v3"

FLAGS = ("-trimpath", "-buildvcs=false")
"""Without the paths of this machine in the binary. With other flags, other packages are stale."""

CACHED = "not installed but available in build cache"
"""Why the command itself is stale if it is compiled already."""

STALE = f'{{{{if and .Stale (ne .StaleReason "{CACHED}")}}}}{{{{.ImportPath}}}}{{{{end}}}}'
"""Packages that `go build -v` will compile and name: those that Go's cache does not have. `unsafe`
has no code. https://pkg.go.dev/cmd/go#hdr-List_packages_or_modules"""

LANGUAGE_HOST = ("language_host.py", "pulumi-language-python")
"""The stand-in, and the script that starts it, with the name that the engine looks for."""

EXECUTOR = "pulumi-language-python-exec"
"""Pulumi's own runner of Python programs; it is part of the Go SDK's source."""

PACKAGE = re.compile(r"[\w.~-]+(/[\w.~-]+)*")
"""A line of the go command that is an import path only."""


def from_modules(
    folder: Path, environ: Mapping[str, str], version: str, out: TextIO = sys.stderr
) -> None:
    """Build `pulumi` into `folder`/bin and copy the stand-in language host beside it.

    UnavailableError if there is no go command, or with the end of its output if it fails.
    """
    go = shutil.which("go", path=environ.get("PATH", ""))
    if go is None:
        raise UnavailableError("go is not on PATH")
    environ = {**environ, "CGO_ENABLED": "0", "GOFLAGS": "-mod=readonly"}
    progress = Progress(out)
    progress.say(
        f"building the Pulumi CLI {version} from Go modules: once, "
        "about 7 minutes on 2 cores, and kept in the cache"
    )
    missing = set(_go([go, "list", *FLAGS, "-deps", "-f", STALE, COMMAND], environ, progress))
    total = len(missing - {"unsafe"})
    binaries = folder / "bin"
    flag = f"-X {SDK}/go/common/version.Version=v{version}"
    compiled = _go(
        [
            *(go, "build", "-v", *FLAGS),
            *("-ldflags", f"-s -w {flag}", "-o", f"{binaries}{os.sep}", COMMAND),
        ],
        environ,
        progress,
        total,
    )
    progress.say(f"  {len(compiled)} of {counted(total, 'package')} compiled")
    source = subprocess.check_output(  # noqa: S603  the go command
        [go, "list", "-m", "-f", "{{.Dir}}", SDK], cwd=HERE, env=environ, text=True
    )
    shutil.copy(Path(source.strip(), "python", "cmd", EXECUTOR), binaries)
    (binaries / EXECUTOR).chmod(0o755)
    lay_language_host(binaries)
    progress.say("built the Pulumi CLI")


def _go(
    command: list[str], environ: Mapping[str, str], progress: Progress, total: int | None = None
) -> list[str]:
    """The import paths that a go command prints; UnavailableError with the end of its output.

    With a total, the progress says how many of them were printed; else how many modules were
    fetched.
    """
    paths: list[str] = []
    words: list[str] = []
    with subprocess.Popen(  # noqa: S603  the go command
        command,
        cwd=HERE,
        env=environ,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as go:
        for line in go.stdout or ():
            (paths if PACKAGE.fullmatch(line.strip()) else words).append(line.strip())
            fetched = sum(word.startswith("go: downloading") for word in words)
            progress.count(
                f"{counted(fetched, 'module')} fetched"
                if total is None
                else f"{len(paths)} of {counted(total, 'package')} compiled"
            )
    if go.returncode:
        raise UnavailableError(f"`go {command[1]}` failed: {' / '.join(words[-5:])}")
    return paths


def is_ours(binaries: Path) -> bool:
    """Whether the folder has the stand-in language host."""
    return (binaries / LANGUAGE_HOST[0]).exists()


def lay_language_host(binaries: Path) -> None:
    """Copy this source tree's stand-in into the folder, if it differs; atomic for readers."""
    for name in LANGUAGE_HOST:
        source, target = HERE / name, binaries / name
        if target.exists() and filecmp.cmp(source, target, shallow=False):
            continue
        handle, temporary = tempfile.mkstemp(dir=binaries)
        os.close(handle)
        shutil.copyfile(source, temporary)
        Path(temporary).chmod(0o755)
        Path(temporary).replace(target)
