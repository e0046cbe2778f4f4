"""Composition root: stack -> settings -> provider -> company -> exports.

Only this module reads the stack's name and configuration from Pulumi, and only this one exports.
The stack's name is the company: exactly `primus` or `secundus`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pulumi
import pulumi_gcp as gcp
from pulumi.runtime.config import CONFIG, get_config_env

from infra import peer_stack
from infra.components import region_move
from infra.components.earlier_names import aliased
from infra.components.primus import Primus, PrimusArgs
from infra.components.replacement import deleted_first
from infra.components.secundus import Secundus, SecundusArgs
from infra.config import (
    local_files,
    model_archive,
    picture_folder,
    primus_settings,
    secundus_settings,
)
from infra.config.problems import NAMESPACE
from infra.errors import ProgramError
from infra.handover import OUTPUT, approved
from infra.outputs import applied, run_error

if TYPE_CHECKING:
    from collections.abc import Callable


def run() -> None:
    """Declare the company of this stack; a ProgramError ends it without a stack trace."""
    try:
        _company(pulumi.get_stack())()
    except ProgramError as error:
        raise run_error(error) from None


def _company(stack: str) -> Callable[[], None]:
    companies = {"primus": _primus, "secundus": _secundus}
    if stack not in companies:
        raise ProgramError(
            f"Got a stack called {stack!r}, expected 'primus' or 'secundus': the name says which"
            " company is deployed, so nothing was changed. Make one of these: pulumi stack init"
            " primus"
        )
    return companies[stack]


def _primus() -> None:
    configured = primus_settings.parse(_configuration())
    model = model_archive.model_archive(configured.model.archive, configured.model.manifest)
    local_files.admitted_archives(configured.model.admit_also, configured.names.model_bucket)
    region = region_move.allowed_region(
        "primus",
        configured.region,
        configured.accept_loss,
        "the repository would go with every image in it, and the model bucket with the model",
    )
    company = Primus(
        "primus",
        PrimusArgs(settings=configured, model=model),
        _provided(region.apply(lambda _: configured.project)),
    )
    pulumi.export(OUTPUT, company.handover)
    pulumi.export("imageDigests", company.image_digests)
    pulumi.export("attributeCondition", company.attribute_condition)


def _secundus() -> None:
    default_peer = f"{pulumi.get_organization()}/{pulumi.get_project()}/primus"
    configured = secundus_settings.parse(_configuration(), default_peer=default_peer)
    if configured.approved_digests is None:
        pulumi.log.warn(
            "approvedDigests is not set: whatever code Primus publishes will run on your pictures."
            " Approve what you have looked at: pulumi config set --stack secundus --path"
            f" '{NAMESPACE}:approvedDigests[0]' sha256:..."
        )
    folder = picture_folder.Folder()
    if configured.pictures:
        folder = picture_folder.of_folder(configured.pictures, configured.names.input_bucket)
    if folder.warning:
        pulumi.log.warn(folder.warning)
    region = region_move.allowed_region(
        "secundus",
        configured.region,
        configured.accept_loss,
        "both buckets would go with every picture and result in them, and the machine with its run",
    )
    published = peer_stack.from_stack(configured.peer, configured.author, configured.operator)
    image = applied(
        published,
        lambda handover: approved(configured.image or handover.image, configured.approved_digests),
    )
    company = Secundus(
        "secundus",
        SecundusArgs(
            settings=configured, pictures=folder.pictures, handover=published, image=image
        ),
        # Also not before the handover is checked and the image approved.
        _provided(pulumi.Output.all(region, image).apply(lambda _: configured.project)),
    )
    pulumi.export("inputUri", company.input_uri)
    pulumi.export("resultUri", company.result_uri)
    pulumi.export("image", company.image)
    pulumi.export("project", configured.project)
    pulumi.export("instance", company.instance)
    pulumi.export("zone", configured.zone)
    pulumi.export("startedAt", company.started_at)


def _configuration() -> dict[str, object]:
    """All keys of the stack.

    `Config` cannot list keys, so read the raw map to detect misspelt ones.
    """
    everything = CONFIG.get() or get_config_env()
    return {
        key.removeprefix(f"{NAMESPACE}:"): value
        for key, value in everything.items()
        if key.startswith(f"{NAMESPACE}:")
    }


def _provided(project: pulumi.Output[str]) -> pulumi.ResourceOptions:
    """One explicit provider: never the default project of gcloud.

    Every resource depends on its provider, and the provider on the project: no resource is declared
    before every input behind the project is checked.

    No region and no zone: each resource names its own. With a region, the plugin lists all regions
    on every command, which needs the Compute API that Primus never enables: a warning each time.
    (The SDK and the plugin still take one from CLOUDSDK_COMPUTE_REGION and its like.)
    https://github.com/pulumi/pulumi-gcp/pull/1666
    """
    provider = gcp.Provider("google", project=project)
    return pulumi.ResourceOptions(
        providers={"gcp": provider}, transformations=[deleted_first, aliased]
    )
