"""A scratch copy of the Pulumi program, and the closed environment that its engine runs in.

The copy, because `pulumi stack init` writes into the stack files. The environment, so that a
rehearsal reaches the local cloud and nothing else: no variable, home folder, credential or setting
of the person who runs it gets in. Everything lies in one folder that may be deleted afterwards.
It starts no cloud and gets no CLI (`rehearsal.cloud.http.server`, `rehearsal.pulumi_cli`).
"""

from __future__ import annotations

import base64
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from pulumi import automation

from rehearsal.cloud.compute.machines import GENUINE_PLUGIN_SECONDS
from rehearsal.cloud.locations import REPOSITORY_LOCATIONS
from rehearsal.companies import COMPANIES
from rehearsal.pulumi_plugins.genuine_gcp import genuine_gcp_plugin
from rehearsal.pulumi_plugins.install import install
from rehearsal.repository import REPOSITORY

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rehearsal.cloud.http.server import LocalCloud
    from rehearsal.companies import Company

PROGRAM = (
    "Pulumi.yaml",
    "Pulumi.primus.yaml",
    "Pulumi.secundus.yaml",
    "__main__.py",
    "requirements.txt",
    "infra",
    "model",
    "policy",
    "workload",
)
"""What `pulumi up --policy-pack policy` reads."""

PACK_ENVIRONMENT = Path("policy", ".venv")
"""The policy pack's own virtual environment; `make setup` makes it."""

KEPT = ("LANG", "LC_ALL", "TERM", "TZ")
"""What else the engine gets from the caller: how to show text."""

TOKEN_SECONDS = 12 * 3600.0
"""How long the deployers stay logged in: a long day of trying things by hand."""


class EngineError(Exception):
    """A `pulumi` command failed; the text is what it printed."""


class Workspace:
    """The program's copy (`program`) and how to run `pulumi` there as one company or the other.

    `folder` must not exist yet; `cli` is the folder that holds `pulumi`. `program` is a copy of the
    program to use as it is; without it, a new one is made of this repository. The environment
    variable GCP_PLUGIN chooses the gcp plugin; PluginError if it names none that can be used.
    """

    def __init__(
        self,
        folder: Path,
        cloud: LocalCloud,
        cli: Path,
        *,
        program: Path | None = None,
        companies: Mapping[str, Company] = COMPANIES,
    ) -> None:
        self.gcp_plugin = genuine_gcp_plugin()
        if self.gcp_plugin is not None:
            cloud.machines.least_seconds = GENUINE_PLUGIN_SECONDS
        self.folder = folder
        self.program = program or folder / "program"
        self._cloud = cloud
        for part in ("state", "engine", "home", "cli", "tmp"):
            (folder / part).mkdir(parents=True, mode=0o700)
        # The Automation API looks for `bin/pulumi` under the root it is given.
        (folder / "cli" / "bin").symlink_to(cli)
        if program is None:
            _copy(REPOSITORY, self.program)
        environment_of(self.program)
        install(folder / "engine", Path(sys.executable), REPOSITORY, self.gcp_plugin)
        self._tokens = {
            company.name: cloud.cloud.mint(company.deployer, TOKEN_SECONDS)
            for company in companies.values()
        }
        for name, token in self._tokens.items():
            _docker_login(self._docker(name), token)

    def environment(self, company: str) -> dict[str, str]:
        """Everything the engine sees when this company's deployer runs it, on its stack."""
        kept = {name: os.environ[name] for name in KEPT if name in os.environ}
        return {
            **kept,
            **self._cloud.environment(),
            "CLOUDSDK_CONFIG": str(self.folder / "home" / "gcloud"),
            "DOCKER_CONFIG": str(self._docker(company)),
            "GOOGLE_OAUTH_ACCESS_TOKEN": self._tokens[company],
            "HOME": str(self.folder / "home"),
            "PATH": os.pathsep.join([str(self.folder / "cli" / "bin"), os.environ["PATH"]]),
            "PULUMI_BACKEND_URL": f"file://{self.folder / 'state'}",
            "PULUMI_CONFIG_PASSPHRASE": "",
            "PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION": "true",
            "PULUMI_HOME": str(self.folder / "engine"),
            "PULUMI_SKIP_UPDATE_CHECK": "true",
            "PULUMI_STACK": company,
            # Of our own: the provider plugin leaves copies of every uploaded file there, and takes
            # what it finds there for the file.
            "TMPDIR": str(self.folder / "tmp"),
        }

    def pulumi(self, company: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run `pulumi` as a company on its stack; returns whatever its exit code."""
        return subprocess.run(  # noqa: S603  the CLI
            [self.folder / "cli" / "bin" / "pulumi", "--non-interactive", *arguments],
            cwd=self.program,
            env=self.environment(company),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )

    def create_stacks(self) -> None:
        """`pulumi stack init` for both companies; EngineError if one cannot be created."""
        for company in COMPANIES:
            done = self.pulumi(company, "stack", "init", company)
            if done.returncode:
                raise EngineError(f"pulumi stack init {company} failed: {done.stderr.strip()}")

    def stack(self, company: str) -> automation.Stack:
        """A company's existing stack for the Automation API, with the same environment."""
        environment = self.environment(company)
        # The Automation API adds to the caller's variables and cannot take any away; empty counts
        # as unset with the engine and with Google's libraries.
        blank = {name: "" for name in os.environ if name not in environment}
        options = automation.LocalWorkspaceOptions(
            env_vars={**blank, **environment},
            pulumi_command=automation.PulumiCommand(root=str(self.folder / "cli")),
        )
        return automation.select_stack(company, work_dir=str(self.program), opts=options)

    def _docker(self, company: str) -> Path:
        return self.folder / "docker" / company


def environment_of(program: Path) -> None:
    """Give a copy of the program the virtual environments of this repository."""
    (program / ".venv").symlink_to(sys.prefix)
    if (program / PACK_ENVIRONMENT).parent.is_dir():
        (program / PACK_ENVIRONMENT).symlink_to(REPOSITORY / PACK_ENVIRONMENT)


def _copy(repository: Path, target: Path) -> None:
    target.mkdir(mode=0o700)
    for name in PROGRAM:
        source = repository / name
        if source.is_dir():
            shutil.copytree(
                source, target / name, ignore=shutil.ignore_patterns("__pycache__", ".venv")
            )
        else:
            shutil.copy(source, target / name)


def _docker_login(folder: Path, token: str) -> None:
    """What `gcloud auth configure-docker` amounts to, for one account.

    https://docs.cloud.google.com/artifact-registry/docs/docker/authentication#token
    """
    folder.mkdir(parents=True, mode=0o700)
    login = base64.b64encode(f"oauth2accesstoken:{token}".encode()).decode()
    config = folder / "config.json"
    config.touch(mode=0o600)
    hosts = [f"{location}-docker.pkg.dev" for location in sorted(REPOSITORY_LOCATIONS)]
    config.write_text(json.dumps({"auths": {host: {"auth": login} for host in hosts}}))
