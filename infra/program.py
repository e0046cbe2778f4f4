"""Composition root: stack -> settings -> provider -> company -> exports.

Only this module reads the stack's name and configuration from Pulumi, and only this one exports.
The stack's name says which company is deployed, and which of its stages.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pulumi
import pulumi_gcp as gcp
from pulumi.runtime.config import CONFIG, get_config_env

from infra import peer_file, peer_stack, stack_name
from infra.components import region_move
from infra.components.earlier_names import aliased
from infra.components.primus import Primus, PrimusArgs
from infra.components.replacement import deleted_first
from infra.components.secundus import Secundus, SecundusArgs
from infra.config import (
    model_archives,
    picture_folder,
    primus_settings,
    secundus_settings,
)
from infra.config.problems import NAMESPACE
from infra.config.secundus_settings import ON_NEW_PICTURES
from infra.errors import ProgramError
from infra.existing import resources
from infra.existing.lookup import LookUp
from infra.handover import NAMED, OUTPUT
from infra.handover_checks import approved
from infra.outputs import applied, run_error, warn

if TYPE_CHECKING:
    from collections.abc import Iterable

    from infra.components.fleet import Fleet
    from infra.components.region_move import AllowedRegion
    from infra.config.fleet_settings import Fleet as FleetSettings
    from infra.config.secundus_settings import SecundusSettings
    from infra.existing.resources import Settings
    from infra.handover import Handover
    from infra.stack_name import StackName


def run() -> None:
    """Declare the company of this stack; a ProgramError ends it without a stack trace."""
    try:
        stack = stack_name.parse(pulumi.get_stack())
        {"primus": _primus, "secundus": _secundus}[stack.company](stack)
    except ProgramError as error:
        raise run_error(error) from None


def _primus(stack: StackName) -> None:
    configured = primus_settings.parse(_configuration(), stack)
    models = model_archives.of_settings(configured)
    region = region_move.allowed_region(
        "primus",
        configured.region,
        configured.accept_loss,
        "the repository would go with every image in it, and the model bucket with the model",
    )
    provider = _provider(region.region.apply(lambda _: configured.project))
    company = Primus(
        "primus",
        PrimusArgs(settings=configured, models=models),
        _after(region, configured, resources.of_primus(configured), provider),
    )
    named = {name: each for name, each in company.releases.items() if name}
    if unnamed := company.releases.get(""):
        pulumi.export(OUTPUT, unnamed.handover)
        pulumi.export("imageDigests", unnamed.image_digests)
        pulumi.export("attributeCondition", unnamed.attribute_condition)
    if named:
        pulumi.export(NAMED, {name: each.handover for name, each in named.items()})
        pulumi.export(
            "operators",
            {
                name: {
                    "imageDigests": each.image_digests,
                    "attributeCondition": each.attribute_condition,
                }
                for name, each in named.items()
            },
        )


def _secundus(stack: StackName) -> None:
    configured = secundus_settings.parse(_configuration(), stack)
    if configured.approved_digests is None:
        warn(
            "approvedDigests is not set: whatever code Primus publishes will run on your pictures."
            " Approve what you have looked at: pulumi config set --stack secundus --path"
            f" '{NAMESPACE}:approvedDigests[0]' sha256:..."
        )
    folder = picture_folder.Folder()
    if configured.pictures:
        folder = picture_folder.of_folder(configured.pictures, configured.names.input_bucket)
    if folder.warning:
        warn(folder.warning)
    if configured.run == ON_NEW_PICTURES:
        configured = replace(configured, run=folder.fingerprint())
    region = region_move.allowed_region(
        "secundus",
        configured.region,
        configured.accept_loss,
        "both buckets would go with every picture and result in them, and the machine with its run",
    )
    published = _published(configured, stack)
    image = applied(
        published,
        lambda handover: approved(configured.image or handover.image, configured.approved_digests),
    )
    # Also not before the handover is checked and the image approved.
    checked = pulumi.Output.all(region.region, image)
    provider = _provider(checked.apply(lambda _: configured.project))
    company = Secundus(
        "secundus",
        SecundusArgs(
            settings=configured, pictures=folder.pictures, handover=published, image=image
        ),
        _after(region, configured, resources.of_secundus(configured), provider),
    )
    pulumi.export("inputUri", company.input_uri)
    pulumi.export("resultUri", company.result_uri)
    pulumi.export("image", company.image)
    pulumi.export("project", configured.project)
    if company.machine is not None:
        pulumi.export("instance", company.machine.name)
        pulumi.export("zone", configured.zone)
        pulumi.export("startedAt", company.machine.started_at)
    if company.fleet is not None and configured.fleet is not None:
        pulumi.export("fleet", _fleet(company.fleet, configured.fleet, configured, published))


def _fleet(
    fleet: Fleet,
    size: FleetSettings,
    configured: SecundusSettings,
    published: pulumi.Output[Handover],
) -> dict[str, pulumi.Input[object]]:
    """What `submit` and `results` need to know of a fleet."""
    return {
        "topic": fleet.queue.topic,
        "subscription": fleet.queue.subscription,
        "deadLetters": fleet.queue.dead_letters,
        "picturesPerSlice": size.pictures_per_slice,
        "stream": size.stream,
        "modelSha256": published.apply(lambda handover: handover.model_sha256),
        "zones": list(size.zones),
        "group": configured.names.group,
    }


def _published(configured: SecundusSettings, stack: StackName) -> pulumi.Output[Handover]:
    """What Primus handed over, for the configured model: in a file, or in a stack's outputs."""
    author, us = configured.author, configured.operator
    if configured.handover is None:
        peers = [configured.peer] if configured.peer else _peers(stack)
        return applied(
            peer_stack.from_stack(peers, author, us),
            lambda handover: handover.of_model(configured.model, peers[0]),
        )
    # Not from the working folder: a key `main` of Pulumi.yaml would make that another one.
    path = Path(pulumi.get_root_directory(), configured.handover)
    handover, warning = peer_file.from_file(path, author, us, dt.datetime.now(dt.UTC))
    if warning:
        warn(warning)
    return pulumi.Output.from_input(handover.of_model(configured.model, "the author"))


def _peers(stack: StackName) -> list[str]:
    """Primus' stacks of this organisation and project: that of the same stage before the main one.

    A company with many customers has one stack for all of them.
    """
    names = dict.fromkeys((stack.of("primus"), "primus"))
    return [f"{pulumi.get_organization()}/{pulumi.get_project()}/{name}" for name in names]


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


def _provider(project: pulumi.Output[str]) -> gcp.Provider:
    """One explicit provider: never the default project of gcloud.

    Every resource depends on its provider, and the provider on the project: no resource is declared
    before every input behind the project is checked.

    No region and no zone: each resource names its own. With a region, the plugin lists all regions
    on every command, which needs the Compute API that Primus never enables: a warning each time.
    (The SDK and the plugin still take one from CLOUDSDK_COMPUTE_REGION and its like.)
    https://github.com/pulumi/pulumi-gcp/pull/1666
    """
    return gcp.Provider("google", project=project)


def _after(
    region: AllowedRegion,
    settings: Settings,
    named: Iterable[resources.Resource],
    provider: gcp.Provider,
) -> pulumi.ResourceOptions:
    """The options of a company: it is declared once what exists in the cloud is as it must be.

    Whatever is below the company waits for it, because its URN begins with the company's.
    """
    look_up = LookUp(pulumi.get_stack(), settings, provider)
    return pulumi.ResourceOptions(
        providers={"gcp": provider},
        depends_on=look_up.confirmed(named, region.known_once_deployed),
        transformations=[deleted_first, aliased],
    )
