"""What must be on this machine: the engine, its plugins, Docker, and a clock that is right."""

from __future__ import annotations

import datetime as dt
import json
import os
import re
import shutil
import subprocess
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final

import requests

from ops.doctor.check import not_checked, not_ok, ok
from ops.pulumi_command import StackError, pulumi_program, run
from ops.stack_configuration import project_folder

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ops.doctor.check import Check

OLDEST: Final = (3, 259)
"""The version of the engine that everything here was run with."""
INSTALL: Final = "https://www.pulumi.com/docs/install/"
CONTAINERD: Final = "io.containerd.snapshotter"
"""https://github.com/pulumi/pulumi-docker/issues/967"""
SKEW_SECONDS: Final = 60
"""Google refuses a token that is older, or from a later moment."""
_LOCK: Final = "requirements.txt"


def engine() -> Iterator[Check]:
    """The CLI, its language host, and a backend."""
    try:
        cli = pulumi_program(os.environ)
        version = run(("version",), os.environ).strip()
    except StackError as error:
        yield not_ok("pulumi", str(error), f"install it: {INSTALL}")
        return
    found = re.match(r"v?(\d+)\.(\d+)", version)
    oldest = ".".join(map(str, OLDEST))
    if found is None or (int(found[1]), int(found[2])) < OLDEST:
        yield not_ok(
            "pulumi", f"got {version or 'no version'}, expected {oldest} or newer", INSTALL
        )
    else:
        yield ok("pulumi", version)
    beside = Path(cli).resolve().parent / "pulumi-language-python"
    if beside.exists() or shutil.which("pulumi-language-python"):
        yield ok("language host", "pulumi-language-python is there")
    else:
        yield not_ok(
            "language host",
            "there is no pulumi-language-python",
            f"the installer has it: {INSTALL}",
        )
    try:
        who = run(("whoami", "--verbose"), os.environ)
        yield ok("backend", " ".join(who.split()))
    except StackError as error:
        yield not_ok("backend", _last(error), "pulumi login BACKEND")


def plugins() -> Iterator[Check]:
    """The provider plugins in the versions of the lock file."""
    try:
        lock = (project_folder() / _LOCK).read_text()
        listed = json.loads(run(("plugin", "ls", "--json"), os.environ))
    except (StackError, OSError, ValueError) as error:
        yield not_checked("plugins", _last(error))
        return
    present = {(each["name"], str(each.get("version", "")).lstrip("v")) for each in listed}
    for plugin in ("gcp", "docker"):
        wanted = re.search(rf"^pulumi-{plugin}==(\S+)", lock, re.MULTILINE)
        name = f"plugin {plugin}"
        if wanted is None:
            yield not_checked(name, f"{_LOCK} has no pulumi-{plugin}")
        elif (plugin, wanted[1]) in present:
            yield ok(name, wanted[1])
        else:
            yield not_ok(name, f"version {wanted[1]} is not installed", "pulumi install")


def docker() -> Check:
    """Docker runs, and keeps its images in a store from which the plugin can build."""
    program = shutil.which("docker")
    elsewhere = "or name an image that is built elsewhere (image.digest)"
    if program is None:
        return not_ok("docker", "there is no docker on PATH", f"install it, {elsewhere}")
    answer = subprocess.run(  # noqa: S603  found on the user's own PATH
        [program, "info", "--format", "{{json .}}"], capture_output=True, text=True, check=False
    )
    try:
        info = json.loads(answer.stdout)
    except ValueError:
        info = {}
    if answer.returncode or not info.get("ServerVersion"):
        return not_ok("docker", "it does not run here", f"start Docker, {elsewhere}")
    if CONTAINERD in json.dumps(info.get("DriverStatus")):
        return not_ok(
            "docker",
            "its images are in the containerd store, from which pulumi-docker cannot build",
            f"switch that store off in Docker's settings, {elsewhere}",
        )
    return ok("docker", f"{info['ServerVersion']}, images for linux/amd64")


def clock() -> Check:
    """This machine's clock beside that of Google's servers."""
    try:
        answer = requests.head("https://www.googleapis.com/", timeout=10)
        there = parsedate_to_datetime(answer.headers["Date"])
    except (requests.RequestException, KeyError, ValueError) as error:
        return not_checked("clock", f"Google's time is not known: {_last(error)}")
    skew = abs((dt.datetime.now(dt.UTC) - there).total_seconds())
    if skew > SKEW_SECONDS:
        return not_ok(
            "clock",
            f"{skew:.0f} s away from Google's, and tokens may differ by {SKEW_SECONDS}",
            "set this machine's clock, such as: sudo timedatectl set-ntp true",
        )
    return ok("clock", f"less than {SKEW_SECONDS} s away from Google's")


def _last(error: Exception) -> str:
    """The last line of an error: that of `pulumi` says what it is."""
    return (str(error).strip().splitlines() or [""])[-1]
