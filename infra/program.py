"""Composition root: stack -> settings -> provider -> company -> exports.

The only module that asks Pulumi for the stack's name or its configuration, and the only one that
exports. The company is the stack's name: exactly `primus` or `secundus`.
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
from infra.config import local_files, picture_folder, primus_settings, secundus_settings
from infra.config.problems import NAMESPACE
from infra.errors import ProgramError
from infra.handover import OUTPUT, approved
from infra.outputs import applied

if TYPE_CHECKING:
    from collections.abc import Callable


def run() -> None:
    """Declare the company that this stack is; a problem that can be mended ends with a sentence."""
    try:
        _company(pulumi.get_stack())()
    except ProgramError as error:
        raise pulumi.RunError(str(error)) from None


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
    model = local_files.model_archive(configured.model.archive, configured.model.manifest)
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
        lambda known: approved(configured.image or known.image, configured.approved_digests),
    )
    company = Secundus(
        "secundus",
        SecundusArgs(
            settings=configured, pictures=folder.pictures, handover=published, image=image
        ),
        # Nor before the peer is believed and the image approved.
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
    """The stack's own keys, all of them.

    Config can only be asked for a key by name, and a misspelt key is one that nobody asks for; so
    the whole is taken from where Config takes it.
    """
    everything = CONFIG.get() or get_config_env()
    return {
        key.removeprefix(f"{NAMESPACE}:"): value
        for key, value in everything.items()
        if key.startswith(f"{NAMESPACE}:")
    }


def _provided(project: pulumi.Output[str]) -> pulumi.ResourceOptions:
    """One explicit provider: never the project that gcloud happens to be set to.

    Everything waits for its provider, and the provider for its project: nothing is declared before
    all that the project comes from is known and right.

    No region and no zone: each resource names its own. With a region, the plugin lists all regions
    on every command, which needs the Compute API that Primus never enables: a warning each time.
    (The SDK and the plugin still take one from CLOUDSDK_COMPUTE_REGION and its like.)
    https://github.com/pulumi/pulumi-gcp/pull/1666
    """
    provider = gcp.Provider("google", project=project)
    return pulumi.ResourceOptions(
        providers={"gcp": provider}, transformations=[deleted_first, aliased]
    )
