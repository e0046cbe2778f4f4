"""Google's own fake of Pub/Sub, as a program that answers REST requests: `main.go`.

It is built once, from the Go modules whose hashes are in `go.sum`, and kept in the cache.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from rehearsal.pulumi_cli.acquire import cache_folder

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

HERE = Path(__file__).parent
SOURCES = ("main.go", "go.mod", "go.sum")


class BuildError(Exception):
    """The program cannot be built here."""


def build(environ: Mapping[str, str] = os.environ) -> Path:
    """The program, which is built unless the cache has it; BuildError."""
    program = _cached(environ)
    if program.exists():
        return program
    go = shutil.which("go", path=environ.get("PATH", ""))
    if go is None:
        raise BuildError("go is not on PATH. Install Go 1.26 or newer: https://go.dev/dl/")
    program.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=program.parent) as folder:  # so that it appears complete
        built = Path(folder, "pstest")
        done = subprocess.run(
            [go, "build", "-trimpath", "-buildvcs=false", "-o", str(built), "."],
            cwd=HERE,
            env={**environ, "CGO_ENABLED": "0", "GOFLAGS": "-mod=readonly"},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            end = " / ".join(done.stderr.splitlines()[-3:])
            raise BuildError(
                f"`go build` failed: {end}\nIt needs Go 1.26 or newer, and a module proxy "
                "(`go env GOPROXY`)."
            )
        built.replace(program)
    return program


def missing_reason(environ: Mapping[str, str] = os.environ) -> str:
    """Why the tests against it cannot run; empty if they can."""
    if _cached(environ).exists():
        return ""
    return (
        "Google's fake is not built. `python -m tests.cloud.pstest` builds it from Go modules, "
        "or says why it cannot."
    )


@contextmanager
def running() -> Iterator[str]:
    """A fresh fake; yields its URL."""
    with subprocess.Popen(
        [_cached(os.environ)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            yield f"http://127.0.0.1:{int(process.stdout.readline())}"
        finally:
            process.stdin.close()  # which ends it


def _cached(environ: Mapping[str, str]) -> Path:
    digest = hashlib.sha256(b"".join((HERE / name).read_bytes() for name in SOURCES)).hexdigest()
    return cache_folder(environ) / f"pstest-{digest[:16]}"
