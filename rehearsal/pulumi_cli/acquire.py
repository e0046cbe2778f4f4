"""Finds the `pulumi` CLI, or gets it: in a fixed order, with one version check and one error.

The order: on PATH, else in the user's cache folder. The official installer (`download`) fills that
folder once, else a build from Go modules (`build`). `rehearsal.workspace` has the environment in
which the engine runs.
"""

from __future__ import annotations

import fcntl
import os
import re
import shutil
import subprocess
import sys
import tempfile
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from rehearsal.pulumi_cli import build, download
from rehearsal.pulumi_cli.errors import PulumiCliError, UnavailableError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    Fill = Callable[[Path, Mapping[str, str], str], None]

MINIMUM = (3, 259, 0)
"""The engine with which this project is tested; a newer one of the same major version will do."""

VERSION = ".".join(map(str, MINIMUM))

ANSWER_SECONDS = 30
"""How long `pulumi version` may take on a busy machine; it normally answers in 0.3 s."""


def find_cli(environ: Mapping[str, str] = os.environ) -> Path:
    """The folder of a CLI on PATH, else in the cache; PulumiCliError if there is none.

    It downloads nothing.
    """
    reasons: list[str] = []
    for look in (_on_path, _cached):
        try:
            return look(environ)
        except UnavailableError as error:
            reasons.append(str(error))
    raise PulumiCliError(
        f"There is no Pulumi CLI {VERSION} or newer on this machine.\n"
        f"  on PATH: {reasons[0]}\n"
        f"  in the cache: {reasons[1]}\n"
        "`python -m rehearsal.pulumi_cli` gets it."
    )


def acquire(
    environ: Mapping[str, str] = os.environ,
    official: Fill = download.official,
    from_modules: Fill = build.from_modules,
) -> Path:
    """The folder of a CLI, which is downloaded or built if there is none; PulumiCliError.

    A download or a build appears in the cache complete or not at all, and two runs at the same time
    never do it twice.
    """
    reasons: list[str] = []
    with suppress(PulumiCliError):
        return find_cli(environ)
    with _alone(cache_folder(environ)):
        try:
            return _cached(environ)
        except UnavailableError:
            shutil.rmtree(_entry(environ), ignore_errors=True)
        for get in (_on_path, partial(_filled, official), partial(_filled, from_modules)):
            try:
                return get(environ)
            except UnavailableError as error:
                reasons.append(str(error))
    raise PulumiCliError(
        f"No Pulumi CLI {VERSION} or newer is to be had. Three ways were tried:\n"
        f"  1. on PATH: {reasons[0]}\n"
        f"  2. the official installer: {reasons[1]}\n"
        f"  3. built from Go modules: {reasons[2]}\n"
        "Any one of these is enough; then run `python -m rehearsal.pulumi_cli` again:\n"
        "  1. install it, with its language host, and put it on PATH: "
        "https://www.pulumi.com/docs/iac/download-install/\n"
        f"  2. let this machine reach {download.INSTALLER}\n"
        "  3. install Go 1.26 or newer (https://go.dev/dl/) and let it reach a module proxy "
        "(`go env GOPROXY`)"
    )


def cache_folder(environ: Mapping[str, str]) -> Path:
    """This project's folder among the user's caches.

    https://specifications.freedesktop.org/basedir-spec/latest/
    """
    base = environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base, "confidential-inference")


def _entry(environ: Mapping[str, str]) -> Path:
    return cache_folder(environ) / f"pulumi-v{VERSION}"


def _on_path(environ: Mapping[str, str]) -> Path:
    path = environ.get("PATH", "")
    pulumi = shutil.which("pulumi", path=path)
    if pulumi is None:
        raise UnavailableError("pulumi is not on PATH")
    _check_version(Path(pulumi), environ)
    beside = (Path(pulumi).parent, Path(pulumi).resolve().parent)
    if not shutil.which("pulumi-language-python", path=os.pathsep.join([*map(str, beside), path])):
        raise UnavailableError(
            f"{pulumi} has no language host: pulumi-language-python is neither beside it nor "
            "on PATH"
        )
    return Path(pulumi).parent


def _cached(environ: Mapping[str, str]) -> Path:
    binaries = _entry(environ) / "bin"
    _check_version(binaries / "pulumi", environ)
    if build.is_ours(binaries):
        build.lay_language_host(binaries)
    return binaries


def _check_version(pulumi: Path, environ: Mapping[str, str]) -> None:
    """UnavailableError unless `pulumi version` answers with an accepted version."""
    try:
        answer = subprocess.run(  # noqa: S603  the CLI that is asked about
            [pulumi, "version"],
            env={**environ, "PULUMI_SKIP_UPDATE_CHECK": "true"},
            capture_output=True,
            text=True,
            check=True,
            timeout=ANSWER_SECONDS,
        ).stdout.strip()
    except (OSError, subprocess.SubprocessError) as error:
        raise UnavailableError(f"{pulumi} does not run: {error}") from error
    numbers = re.match(r"v?(\d+)\.(\d+)\.(\d+)", answer)
    version = tuple(map(int, numbers.groups())) if numbers else ()
    if version < MINIMUM or version[0] != MINIMUM[0]:
        raise UnavailableError(
            f"{pulumi} is version {answer or '(none)'}, expected {VERSION} or a newer "
            f"{MINIMUM[0]}.x"
        )


@contextmanager
def _alone(cache: Path) -> Iterator[None]:
    """Hold the cache's lock; the system releases it even if this process is killed."""
    try:
        cache.mkdir(parents=True, exist_ok=True)
        lock = (cache / "lock").open("w")
    except OSError as error:
        raise PulumiCliError(
            f"{error}: the Pulumi CLI cannot be kept there. Name a writable folder: "
            "export XDG_CACHE_HOME=DIR"
        ) from error
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            sys.stderr.write(f"another run is filling {cache}; waiting for it\n")
            fcntl.flock(lock, fcntl.LOCK_EX)
        for left_over in cache.glob(".filling-*"):
            shutil.rmtree(left_over)
        yield


def _filled(fill: Fill, environ: Mapping[str, str]) -> Path:
    """The cache's `bin` folder, filled by `fill`; UnavailableError leaves nothing behind."""
    entry = _entry(environ)
    making = Path(tempfile.mkdtemp(prefix=".filling-", dir=entry.parent))
    try:
        fill(making, environ, VERSION)
        _check_version(making / "bin" / "pulumi", environ)
        making.rename(entry)
    finally:
        shutil.rmtree(making, ignore_errors=True)
    return entry / "bin"
