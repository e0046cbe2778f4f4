"""Secundus: store the pictures, allow one account to read them, run the image of Primus.

The machine depends on every grant that it needs, because the launcher waits for none: a machine
that boots before its grants fails, and must run again.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import pulumi
import pulumi_gcp as gcp

from infra import naming
from infra.components import account as service_account
from infra.components import grant_wait, origin
from infra.components.confidential_vm import ConfidentialMachine, ConfidentialMachineArgs
from infra.components.fleet import Fleet, FleetArgs
from infra.components.google_apis import enabled
from infra.components.picture_objects import Uploads, UploadsArgs
from infra.components.pinned_machine import PinnedMachine
from infra.components.private_bucket import PrivateBucket, PrivateBucketArgs
from infra.components.private_network import PrivateNetwork, PrivateNetworkArgs
from infra.components.work_queue import WorkQueueArgs
from infra.config import machine_types
from infra.launch import LaunchSpec
from infra.outputs import applied

if TYPE_CHECKING:
    from infra.config.picture_folder import Picture
    from infra.config.secundus_settings import SecundusSettings
    from infra.handover import Handover

APIS: Final = (
    "cloudresourcemanager",
    "compute",
    "confidentialcomputing",
    "iam",
    "logging",
    "storage",
)


@dataclass(frozen=True, kw_only=True)
class SecundusArgs:
    """Secundus' settings, the pictures to upload, and Primus' handover."""

    settings: SecundusSettings
    pictures: tuple[Picture, ...]
    handover: pulumi.Output[Handover]
    image: pulumi.Output[str]
    """the approved image to launch"""


class Secundus(pulumi.ComponentResource):
    """Everything that Secundus declares."""

    input_uri: pulumi.Output[str]
    result_uri: pulumi.Output[str]
    image: pulumi.Output[str]
    machine: ConfidentialMachine | None
    fleet: Fleet | None
    """either of them"""

    def __init__(
        self, name: str, args: SecundusArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        settings = args.settings
        # No resource has these digests; a review of a preview shows them.
        inputs = {"approvedDigests": sorted(settings.approved_digests or ()) or None}
        super().__init__("confidential-inference:infra:Secundus", name, inputs, opts)
        self._after_apis = pulumi.ResourceOptions(
            parent=self,
            depends_on=enabled(
                name,
                APIS if settings.fleet is None else (*APIS, "pubsub"),
                project=settings.project,
                parent=self,
            ),
        )

        # Store
        pictures = self._bucket(
            f"{name}-input", settings.names.input_bucket, settings, "inputBucket"
        )
        results = self._bucket(
            f"{name}-result",
            settings.names.result_bucket,
            settings,
            "resultBucket",
            int(settings.keep_runs) if settings.keep_runs else None,
        )
        uploads = Uploads(
            f"{name}-pictures", UploadsArgs(bucket=pictures, pictures=args.pictures), opts
        )

        # Allow
        account = service_account.account(
            f"{name}-workload",
            settings.names.service_account,
            project=settings.project,
            display_name="Runs the workload in the confidential machine",
            lists=settings,
            opts=self._after_apis,
        )
        grants = self._grants(name, account, pictures, results, settings)
        after: list[pulumi.Input[pulumi.Resource]] = [*grants]
        seconds = int(settings.grant_wait)
        if seconds:
            scope = settings.names.service_account
            granted = f"{name}-granted-{scope}"
            after.append(grant_wait.known(granted, grants, seconds, self._after_apis))

        # Run
        network = PrivateNetwork(
            f"{name}-workload",
            PrivateNetworkArgs(
                project=settings.project,
                region=settings.region,
                network=settings.names.network,
                subnetwork=settings.names.subnetwork,
                firewall=settings.names.firewall,
                account=account.email,
                addresses=settings.addresses,
                network_origin=origin.of("network", settings, _network_path(settings)),
                subnetwork_origin=origin.of("subnetwork", settings, _subnetwork_path(settings)),
            ),
            # A bucket that is replaced takes the machines with it. Those of a fleet end slowly, and
            # a subnetwork that is replaced too must not be deleted before they have ended.
            pulumi.ResourceOptions.merge(
                self._after_apis,
                pulumi.ResourceOptions(depends_on=[pictures, results] if settings.fleet else []),
            ),
        )
        pinned = PinnedMachine(
            project=settings.project,
            labels=settings.labels,
            family=machine_types.family(settings.confidential_type, settings.machine_type),
            machine_type=settings.machine_type,
            image=settings.confidential_space_image,
            subnetwork=network.subnetwork,
            service_account=account.email,
            metadata=applied(
                pulumi.Output.all(
                    peer=args.handover, image=args.image, input=pictures.url, result=results.url
                ),
                lambda resolved: _metadata(resolved, settings),
            ),
        )
        after += [*uploads.stored, network]
        self.machine = self.fleet = None
        if settings.fleet is None:
            self.machine = ConfidentialMachine(
                f"{name}-workload",
                ConfidentialMachineArgs(
                    instance=settings.names.vm, zone=settings.zone, machine=pinned, after=after
                ),
                self._after_apis,
            )
        else:
            for member in settings.fleet.submitters:
                # `submit` lists the pictures, and writes what it submits beside the records.
                pictures.grant(f"submits-{member}", "roles/storage.objectViewer", member)
                results.grant(f"submits-{member}", "roles/storage.objectUser", member)
            self.fleet = Fleet(
                f"{name}-fleet",
                FleetArgs(
                    settings=settings.fleet,
                    machine=pinned,
                    base_instance=settings.names.vm,
                    group=settings.names.group,
                    region=settings.region,
                    queue=_queue(settings, account, pictures),
                    after=after,
                ),
                self._after_apis,
            )
        self.input_uri = pictures.url
        self.result_uri = results.url
        self.image = args.image
        self.register_outputs({"instance": self.machine.name} if self.machine else {})

    def _bucket(
        self,
        name: str,
        bucket: str,
        settings: SecundusSettings,
        key: str,
        keep_days: int | None = None,
    ) -> PrivateBucket:
        return PrivateBucket(
            name,
            PrivateBucketArgs(
                bucket=bucket,
                project=settings.project,
                location=settings.region,
                labels=settings.labels,
                force_destroy=settings.force_destroy,
                keep_days=keep_days,
                protect=key in settings.protect,
                origin=origin.of(key, settings, bucket),
            ),
            self._after_apis,
        )

    def _grants(
        self,
        company: str,
        account: gcp.serviceaccount.Account,
        pictures: PrivateBucket,
        results: PrivateBucket,
        settings: SecundusSettings,
    ) -> list[pulumi.CustomResource]:
        """Every role of the workload's account, and who may start a machine that runs as it."""
        on_project = [
            gcp.projects.IAMMember(
                f"{company}-workload-{name}",
                project=settings.project,
                role=role,
                member=account.member,
                opts=self._after_apis,
            )
            for name, role in (
                ("attests", "roles/confidentialcomputing.workloadUser"),
                ("logs", "roles/logging.logWriter"),
            )
        ]
        on_buckets = [
            pictures.grant("workload-reads", "roles/storage.objectViewer", account.member),
            # objectUser, not objectCreator: a second run overwrites, which is a deletion too.
            results.grant("workload-writes", "roles/storage.objectUser", account.member),
        ]
        # Without this role nobody may attach the account to a machine.
        operators = [
            gcp.serviceaccount.IAMMember(
                f"{company}-operator-{member}",
                service_account_id=account.name,
                role="roles/iam.serviceAccountUser",
                member=member,
                opts=pulumi.ResourceOptions(parent=self),
            )
            for member in settings.operators
        ]
        return [*on_project, *on_buckets, *operators]


def _network_path(settings: SecundusSettings) -> str:
    return naming.network_path(settings.names.network, settings.project)


def _subnetwork_path(settings: SecundusSettings) -> str:
    return naming.subnetwork_path(settings.names.subnetwork, settings.region, settings.project)


def _queue(
    settings: SecundusSettings, account: gcp.serviceaccount.Account, pictures: PrivateBucket
) -> WorkQueueArgs:
    stream = settings.fleet is not None and settings.fleet.stream
    return WorkQueueArgs(
        project=settings.project,
        project_number=settings.project_number,
        region=settings.region,
        labels=settings.labels,
        topic=settings.names.topic,
        dead_letters=settings.names.dead_letters,
        worker=account.member,
        submitters=settings.fleet.submitters if settings.fleet else (),
        pictures=pictures if stream else None,
        grant_wait=int(settings.grant_wait),
    )


def _metadata(resolved: dict[str, Any], settings: SecundusSettings) -> dict[str, str]:
    """The machine's metadata, from resolved outputs; in a fleet, also where its work comes from."""
    peer: Handover = resolved["peer"]
    queue = naming.subscription_name(settings.names.topic, settings.project)
    return LaunchSpec(
        image=resolved["image"],
        environment={
            "MODEL_URI": peer.model_uri,
            "MODEL_SHA256": peer.model_sha256,
            "MODEL_AUDIENCE": peer.audience,
            "MODEL_READER": peer.model_reader,
            "INPUT_URI": resolved["input"],
            "RESULT_URI": resolved["result"],
            **({} if settings.fleet is None else {"SUBSCRIPTION": queue}),
        },
        run=settings.run,
    ).metadata()
