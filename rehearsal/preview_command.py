"""Reviews what the working tree changes, without a cloud: `make preview`.

A commit is deployed into the local cloud, then the working tree is previewed against that, one
company after the other. Secundus' stack reads Primus' outputs, so Primus' change is deployed before
Secundus is previewed, if the policy pack allows it. No machine boots.
"""

from __future__ import annotations

import json
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

from ops.exit_codes import BROKEN, OK, UNUSABLE
from ops.review import command
from ops.review.preview import PreviewError
from ops.terminal import print_error, print_progress
from rehearsal import revisions, stack_files
from rehearsal.cloud.http.server import running
from rehearsal.cloud.state import Cloud
from rehearsal.companies import COMPANIES, two_companies
from rehearsal.pulumi_cli.acquire import acquire
from rehearsal.pulumi_cli.errors import PulumiCliError
from rehearsal.pulumi_plugins.genuine_gcp import PluginError
from rehearsal.workspace import EngineError, Workspace, environment_of

if TYPE_CHECKING:
    import argparse

PACK: Final = ("--policy-pack", "policy")
UP: Final = ("up", "--yes", "--skip-preview", "--suppress-outputs", "--suppress-progress")


def preview(options: argparse.Namespace) -> int:
    """Print one review for each stack; the worst of their exit codes."""
    try:
        cli = acquire()
        base = options.base or revisions.merge_base()
        with (
            tempfile.TemporaryDirectory(prefix="confidential-inference-") as scratch,
            running(Cloud()) as local,
        ):
            local.machines.boot = False
            print_progress(f"deploying {revisions.described(base)}")
            folder = Path(scratch)
            old, new = folder / "base", folder / "tree"
            revisions.copy_commit(base, old)
            revisions.copy_working_tree(new)
            for program in (old, new):
                stack_files.detach(program)
                revisions.add_ignored(program, stack_files.local_files(program))
            companies = stack_files.companies(old)
            two_companies(local.cloud, companies)
            # The change may name other projects. The same people deploy.
            for name, company in stack_files.companies(new).items():
                moved = replace(company, deployer=companies[name].deployer)
                two_companies(local.cloud, {name: moved})
            workspace = Workspace(
                folder / "workspace", local, cli, program=old, companies=companies
            )
            workspace.create_stacks()
            for name in COMPANIES:
                _approve_built_image(workspace)
                _up(workspace, name)
            stack_files.take_salts(old, new)
            environment_of(new)
            workspace.program = new
            return max(_reviewed(workspace, name, options) for name in COMPANIES)
    except (
        PulumiCliError,
        PluginError,
        EngineError,
        OSError,
        revisions.RevisionError,
        stack_files.StackFileError,
    ) as error:
        print_error(error)
        return UNUSABLE


def _reviewed(workspace: Workspace, company: str, options: argparse.Namespace) -> int:
    """Preview a stack, print the review, and deploy the change if nothing forbids it."""
    _approve_built_image(workspace)
    print_progress(f"previewing {company}")
    previewed = workspace.pulumi(company, "preview", "--json", "--show-sames", *PACK)
    try:
        reviewed = command.shown(previewed.stdout.encode(), options)
    except PreviewError as error:
        # What goes wrong before the first step is not in the JSON.
        print_error(f"{company}: {error}\n{previewed.stderr.strip()}".rstrip())
        return UNUSABLE
    if previewed.returncode == 0 and company != list(COMPANIES)[-1]:
        try:
            _up(workspace, company, *PACK)
        except EngineError as error:
            print_error(error)
            return BROKEN
    return BROKEN if command.fails(reviewed, options.fail_on) else OK


def _up(workspace: Workspace, company: str, *further: str) -> None:
    done = workspace.pulumi(company, *UP, *further)
    if done.returncode:
        raise EngineError(
            f"{company}: `pulumi up` failed on the local cloud:\n"
            f"{done.stdout.strip()}\n{done.stderr.strip()}"
        )


def _approve_built_image(workspace: Workspace) -> None:
    """Let Secundus approve what the local builder built: Docker would give it another digest."""
    done = workspace.pulumi("primus", "stack", "output", "--json")
    outputs = json.loads(done.stdout or "{}")
    every = [outputs, *outputs.get("operators", {}).values()]
    built = list(dict.fromkeys(digest for each in every for digest in each.get("imageDigests", [])))
    if stack_files.approve(workspace.program, built):
        print_progress(
            "note: approvedDigests has no digest of the local image builder, so the image that it"
            " built is approved for this preview; approve Docker's own before you deploy"
        )
