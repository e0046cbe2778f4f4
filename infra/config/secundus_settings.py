"""What stack `secundus` configures: each key is declared once, here or in `company_settings`."""

# No `from __future__ import annotations`: `keys` reads the annotations at run time.
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Final

from infra import naming
from infra.config import (
    company_settings,
    contradictions,
    existing_keys,
    fleet_settings,
    keys,
    locations,
    validators,
)
from infra.config.company_settings import SUFFIX, Company, Operator, staged
from infra.config.fleet_settings import Fleet
from infra.config.keys import Key
from infra.config.machine_types import DEFAULT_MACHINE
from infra.config.reader import Table
from infra.stack_name import StackName

ON_NEW_PICTURES: Final = "onNewPictures"
"""The value of `run` that stands for a fingerprint of the pictures."""


@dataclass(frozen=True, kw_only=True)
class SecundusNames:
    """The physical names of what Secundus owns."""

    input_bucket: Annotated[
        str,
        Key(
            validators.BUCKET,
            "the pictures' bucket",
            default=lambda before: f"{before['project']}-input-bucket{before[SUFFIX]}",
        ),
    ]
    result_bucket: Annotated[
        str,
        Key(
            validators.BUCKET,
            "the results' bucket",
            default=lambda before: f"{before['project']}-result-bucket{before[SUFFIX]}",
        ),
    ]
    service_account: Annotated[
        str,
        Key(validators.ACCOUNT, "the workload's account", default=staged(naming.WORKLOAD_ACCOUNT)),
    ]
    network: Annotated[
        str, Key(validators.COMPUTE_NAME, "the network", default=staged("workload-network"))
    ]
    subnetwork: Annotated[
        str, Key(validators.COMPUTE_NAME, "its subnetwork", default=staged("workload-subnet"))
    ]
    firewall: Annotated[
        str,
        Key(
            validators.COMPUTE_NAME,
            "the rule that refuses all ingress",
            default=staged("workload-deny-ingress"),
        ),
    ]
    vm: Annotated[
        str,
        Key(
            validators.COMPUTE_NAME,
            "the machine; in a fleet, how the name of each machine begins",
            default=staged("workload-vm"),
        ),
    ]
    group: Annotated[
        str,
        Key(
            validators.GROUP,
            "of a fleet: group and autoscaler in each zone, and how the template's name begins",
            default=staged("workload-fleet"),
        ),
    ]
    topic: Annotated[
        str,
        Key(
            validators.MESSAGES,
            "of a fleet: the topic with its work, and the subscription that the machines share",
            default=staged("workload-slices"),
        ),
    ]
    dead_letters: Annotated[
        str,
        Key(
            validators.MESSAGES,
            "of a fleet: topic and subscription of the work that failed six times",
            default=staged("workload-dead-letters"),
        ),
    ]


@dataclass(frozen=True, kw_only=True)
class Author:
    """Whom Secundus takes the image from: whatever the peer publishes must belong to it."""

    project: Annotated[
        str, Key(validators.PROJECT, "the owner of everything that the peer publishes")
    ]
    project_number: Annotated[str, Key(validators.NUMBER, "the number of that project")]


@dataclass(frozen=True, kw_only=True)
class SecundusSettings(Company):
    """Everything that stack `secundus` configures."""

    region: Annotated[
        str,
        Key(
            validators.REGION,
            "where everything is. While something is deployed, a change is refused without"
            " `acceptLoss`: Google moves nothing, so a new region means to destroy and to create",
            default="us-west1",
        ),
    ]
    accept_loss: Annotated[
        str | None,
        Key(
            validators.REGION,
            "the new region once more, to agree that a move deletes pictures and results",
        ),
    ]
    protect: Annotated[
        tuple[str, ...],
        Key(
            validators.PROTECT_SECUNDUS,
            "a list that may hold `resultBucket`: as for stack primus",
        ),
    ]
    existing: Annotated[
        tuple[str, ...],
        Key(existing_keys.SECUNDUS, existing_keys.about_existing(existing_keys.SECUNDUS)),
    ]
    adopt: Annotated[tuple[str, ...], Key(existing_keys.SECUNDUS, existing_keys.ABOUT_ADOPT)]
    zone: Annotated[
        str,
        Key(
            validators.ZONE,
            "where the machine is",
            default=lambda before: f"{before['region']}-b",
        ),
    ]
    names: SecundusNames
    author: Author
    peer: Annotated[
        str | None,
        Key(
            validators.STACK,
            "the stack that Primus publishes from",
            unset="`ORGANIZATION/PROJECT/primus`; for stack `secundus-STAGE`, `…/primus-STAGE`"
            " where there is such a stack",
        ),
    ]
    handover: Annotated[
        Path | None,
        Key(
            validators.PATH,
            "a file that Primus handed over, in place of `peer`: for companies without a shared"
            " backend. `docs/handover.md`",
            unset="`peer`",
        ),
    ]
    model: Annotated[
        str | None,
        Key(
            validators.FREE_NAME,
            "which of the models that Primus gives this company",
            unset="the first",
        ),
    ]
    approved_digests: Annotated[
        tuple[str, ...] | None,
        Key(
            validators.DIGEST,
            "a list of images that somebody has reviewed; any other is an error at preview",
            unset="any, with a warning",
        ),
    ]
    """None: any"""
    image: Annotated[
        str | None,
        Key(
            validators.IMAGE,
            "an image by digest to launch instead of the peer's",
            unset="the peer's",
        ),
    ]
    confidential_space_image: Annotated[
        str, Key(validators.CONFIDENTIAL_SPACE, "Google's boot image, by name")
    ]
    confidential_type: Annotated[
        str, Key(validators.CONFIDENTIAL_TYPE, "`SEV` or `TDX`", default="SEV")
    ]
    machine_type: Annotated[
        str,
        Key(
            validators.MACHINE_TYPE,
            f"a machine that supports the type; for TDX the default is `{DEFAULT_MACHINE['TDX']}`",
            default=lambda before: DEFAULT_MACHINE.get(before["confidentialType"], ""),
        ),
    ]
    operators: Annotated[
        tuple[str, ...],
        Key(validators.MEMBER, "a list of who may start a machine as the workload's account"),
    ]
    pictures: Annotated[
        Path | None,
        Key(
            validators.PATH,
            "a folder: the stack uploads its pictures and those of the folders below, at most"
            " 1,000. `docs/pictures.md` says which, and how to upload more",
            unset="you fill the bucket",
        ),
    ]
    run: Annotated[
        str,
        Key(
            validators.RUN,
            "any text of one line, up to 200 characters; another text runs again, on a new machine."
            f" `{ON_NEW_PICTURES}`: run again whenever a picture of `pictures` is new or another"
            " one",
            default="",
            unset="empty",
        ),
    ]
    keep_runs: Annotated[
        str,
        Key(
            validators.DAYS,
            "for how many days the result bucket keeps what a later run overwrites:"
            " `results --list` shows it. 0 ends that; what is kept costs storage",
            default="",
            unset="nothing is kept",
        ),
    ]
    grant_wait: Annotated[
        str,
        Key(
            validators.SECONDS,
            "how many seconds old the machine's grants must be before it is created, because the"
            " launcher waits for none; with `fleet.stream` also that of the notifications: 120 is"
            " what Google says they usually take, and only the update that makes them waits."
            " `docs/operations.md`",
            default="0",
        ),
    ]
    fleet: Fleet | None
    """None: one machine"""

    @property
    def operator(self) -> Operator:
        """Whom Primus must admit: this company, by its machine's project and account."""
        return Operator(
            project=self.project,
            project_number=self.project_number,
            service_account=naming.service_account(self.names.service_account, self.project),
        )

    @property
    def addresses(self) -> str:
        """The range of the subnetwork that the stack creates."""
        return naming.ADDRESSES if self.fleet is None else naming.FLEET_ADDRESSES


MAIN: Final = StackName("secundus")


def parse(values: Mapping[str, object], stack: StackName = MAIN) -> SecundusSettings:
    """The settings of a stack of Secundus; SettingsError with every problem there is."""
    table = Table(values, stack.full)
    one_machine = () if table.has("fleet") else ("fleet",)
    settings = keys.read(SecundusSettings, table, {SUFFIX: stack.suffix}, absent=one_machine)
    company_settings.check(table, settings, settings.region)
    locations.check_zone(table, settings.zone, settings.region, settings.new_locations)
    if settings.fleet is not None:
        fleet = fleet_settings.checked(
            table,
            settings.fleet,
            zone=settings.zone,
            region=settings.region,
            opened=settings.new_locations,
        )
        settings = replace(settings, fleet=fleet)
        fleet_settings.check_submitters(
            table,
            fleet.submitters,
            granted=(
                f"serviceAccount:{settings.operator.service_account}",
                naming.service_agent(naming.PUBSUB, settings.project_number),
                naming.service_agent(naming.STORAGE, settings.project_number),
            ),
        )
        fleet_settings.check_company(
            table,
            run=settings.run,
            machine=settings.names.vm,
            topic=settings.names.topic,
            dead_letters=settings.names.dead_letters,
        )
    contradictions.one_bucket_for_both(
        table.table("names"), settings.names.input_bucket, settings.names.result_bucket
    )
    contradictions.two_numbers(
        table.table("author"),
        (settings.author.project, settings.author.project_number),
        (settings.project, settings.project_number),
    )
    contradictions.two_sources(table)
    existing_keys.check(table, settings.existing, settings.adopt, settings.protect)
    existing_keys.check_network(table, settings.existing, settings.adopt)
    contradictions.nothing_approved(table, settings.approved_digests)
    contradictions.machine_without_type(table, settings.confidential_type, settings.machine_type)
    contradictions.one_member_twice(table, "operators", settings.operators)
    if settings.run == ON_NEW_PICTURES and settings.pictures is None:
        contradictions.no_pictures_to_follow(table)
    if settings.run != ON_NEW_PICTURES and settings.run.casefold() == ON_NEW_PICTURES.casefold():
        table.refuse(
            "run",
            expected=f"{ON_NEW_PICTURES!r}, or another text",
            consequence="it would be a text like any other, and follow no picture",
            fix=table.command("set", "run", ON_NEW_PICTURES),
        )
    table.finish()
    return settings
