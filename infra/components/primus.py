"""Primus: store the model, decide who may use it, publish the image that uses it.

It reads nothing from Secundus' stack: who may use the model is Primus' own decision, in its own
configuration.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import pulumi
import pulumi_gcp as gcp

from infra import naming
from infra.attestation.release_policy import UNBUILT, AttestationPolicy
from infra.components.google_apis import enabled
from infra.components.model_release import ModelRelease, ModelReleaseArgs
from infra.components.private_bucket import PrivateBucket, PrivateBucketArgs
from infra.components.workload_image import WorkloadImage, WorkloadImageArgs
from infra.handover import Handover
from infra.launch import ENTRY_POINT, ENVIRONMENT
from infra.outputs import applied

if TYPE_CHECKING:
    from infra.config.model_archive import ModelArchive
    from infra.config.primus_settings import PrimusSettings

APIS: Final = (
    "artifactregistry",
    "cloudresourcemanager",
    "iam",
    "iamcredentials",
    "storage",
    "sts",
)


@dataclass(frozen=True, kw_only=True)
class PrimusArgs:
    """Primus' settings, and the checked model archive."""

    settings: PrimusSettings
    model: ModelArchive


class Primus(pulumi.ComponentResource):
    """Everything that Primus declares."""

    handover: pulumi.Output[dict[str, str]]
    image_digests: pulumi.Output[list[str]]
    attribute_condition: pulumi.Output[str]

    def __init__(
        self, name: str, args: PrimusArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("confidential-inference:infra:Primus", name, {}, opts)
        settings = args.settings
        # Render the policy now: otherwise a mistake would be found only after the push.
        declared = _policy(args, settings.image.digest or UNBUILT, _unnamed(settings))
        after_apis = pulumi.ResourceOptions(
            parent=self, depends_on=enabled(name, APIS, project=settings.project, parent=self)
        )

        # Store
        bucket = PrivateBucket(
            f"{name}-model",
            PrivateBucketArgs(
                bucket=settings.names.model_bucket,
                project=settings.project,
                location=naming.bucket_location(settings.region),
                labels=settings.labels,
                force_destroy=settings.force_destroy,
                forget_deleted=True,  # nobody may restore a withdrawn model
                protect="modelBucket" in settings.protect,
            ),
            after_apis,
        )
        sha256 = args.model.sha256
        models = [
            # Named by its hash: the next model is stored before this one is deleted, and this one
            # stays the same resource when another model is in the handover.
            bucket.put(
                admitted[:12],
                naming.model_path(admitted),
                archive,
                content_type="application/gzip",
            )
            for admitted, archive in {**settings.model.admit_also, sha256: args.model.path}.items()
        ]
        reader = gcp.serviceaccount.Account(
            f"{name}-model-reader",
            account_id=settings.names.service_account,
            project=settings.project,
            display_name="Reads the model for an attested workload",
            opts=after_apis,
        )
        bucket.grant("reader", "roles/storage.objectViewer", reader.member)

        # Publish
        repository = gcp.artifactregistry.Repository(
            f"{name}-images",
            repository_id=settings.names.repository,
            project=settings.project,
            location=settings.region,
            format="DOCKER",
            labels=dict(settings.labels),
            opts=after_apis,
        )
        gcp.artifactregistry.RepositoryIamMember(
            f"{name}-images-operator",
            repository=repository.name,
            project=settings.project,
            location=settings.region,
            role="roles/artifactregistry.reader",
            # All accounts of the operator's project, because none needs to exist yet. The image is
            # no secret; the model is, and its release condition names one exact account.
            member=naming.service_accounts_of(settings.operator.project_number),
            opts=pulumi.ResourceOptions(parent=self),
        )
        image = WorkloadImage(
            f"{name}-workload",
            WorkloadImageArgs(
                repository=naming.repository_path(
                    settings.region, settings.project, settings.names.repository
                ),
                repository_name=repository.name,
                repository_created=repository.create_time,
                model_format=args.model.format,
                digest=settings.image.digest,
            ),
            pulumi.ResourceOptions(parent=self, depends_on=[repository]),
        )

        # Allow
        pinned = (settings.image.digest,) if settings.image.digest else ()
        names = (settings.names.pool, settings.names.provider)
        release = ModelRelease(
            f"{name}-attestation",
            ModelReleaseArgs(
                project=settings.project,
                project_number=settings.project_number,
                pool=settings.names.pool,
                provider=settings.names.provider,
                # Not the default names, so that stacks of earlier versions keep their suffix.
                suffix_scope=() if names == (naming.POOL, naming.PROVIDER) else names,
                policy=lambda audience: applied(
                    pulumi.Output.all(image.digest, audience),
                    lambda resolved: _policy(args, *resolved),
                ),
                configured_digests=tuple(dict.fromkeys((*pinned, *settings.image.admit_also))),
                built_digest=None if pinned else image.digest,
                declared=declared,
                reader=reader.name,
                known_once_created=reader.id,
                protect="pool" in settings.protect,
            ),
            # A model that differs from the file is neither released nor in the handover.
            pulumi.ResourceOptions.merge(after_apis, pulumi.ResourceOptions(depends_on=models)),
        )

        self.image_digests = release.image_digests
        self.attribute_condition = release.attribute_condition
        self.handover = pulumi.Output.all(
            image=image.reference, audience=release.audience, bucket=bucket.url, reader=reader.email
        ).apply(
            lambda resolved: Handover(
                image=resolved["image"],
                audience=resolved["audience"],
                model_uri=f"{resolved['bucket']}/{naming.model_path(sha256)}",
                model_sha256=sha256,
                model_reader=resolved["reader"],
                operator_number=settings.operator.project_number,
                operator_account=settings.operator.service_account,
            ).published()
        )
        self.register_outputs({"handover": self.handover})


def _unnamed(settings: PrimusSettings) -> str:
    """Replaces an audience whose pool has no name yet; it is as long as the real one."""
    pool = f"{settings.names.pool}-{naming.NO_SUFFIX}"
    return naming.audience(settings.project_number, pool, settings.names.provider)


def _policy(args: PrimusArgs, digest: str, audience: str) -> AttestationPolicy:
    """Who may use the model, for an image and the full name of a provider."""
    settings = args.settings
    return AttestationPolicy(
        image_digests=tuple(dict.fromkeys((digest, *settings.image.admit_also))),
        arguments=ENTRY_POINT,
        model_hashes=tuple(dict.fromkeys((args.model.sha256, *settings.model.admit_also))),
        environment=ENVIRONMENT,
        model_bucket=settings.names.model_bucket,
        audience=audience,
        model_reader=naming.service_account(settings.names.service_account, settings.project),
        hardware=settings.hardware,
        project_number=settings.operator.project_number,
        service_account=settings.operator.service_account,
    )
