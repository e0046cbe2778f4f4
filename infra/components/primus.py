"""Primus: store the models, decide who may use them, publish the image that uses them.

It reads nothing from Secundus' stack: who may use a model is Primus' own decision, in its own
configuration.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import pulumi
import pulumi_gcp as gcp

from infra import naming
from infra.components import origin
from infra.components.google_apis import enabled
from infra.components.operator_release import OperatorRelease, OperatorReleaseArgs, policy
from infra.components.pinned_image import require_image
from infra.components.private_bucket import PrivateBucket, PrivateBucketArgs
from infra.components.workload_image import WorkloadImage, WorkloadImageArgs
from infra.config.model_archives import built_format

if TYPE_CHECKING:
    from collections.abc import Mapping

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
    """Primus' settings, and the checked archives of its models by name."""

    settings: PrimusSettings
    models: Mapping[str, ModelArchive]


class Primus(pulumi.ComponentResource):
    """Everything that Primus declares."""

    releases: dict[str, OperatorRelease]
    """by the operator's name; empty for the operator without a name"""

    def __init__(
        self, name: str, args: PrimusArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("confidential-inference:infra:Primus", name, {}, opts)
        settings = args.settings
        # Render every policy now: otherwise a mistake would be found only after the push.
        declared = {each.name: policy(settings, each, args.models) for each in settings.releases}
        apis = enabled(name, APIS, project=settings.project, parent=self)
        self._after_apis = pulumi.ResourceOptions(parent=self, depends_on=apis)

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
                origin=origin.of("modelBucket", settings, settings.names.model_bucket),
            ),
            self._after_apis,
        )
        # Two models can have a version in common, and it is stored once.
        archives = {
            sha256: archive
            for model in args.models.values()
            for sha256, archive in model.versions.items()
        }
        stored = {
            # Named by its hash: the next model is stored before this one is deleted, and this one
            # stays the same resource when another model is in the handover.
            sha256: bucket.put(
                sha256[:12],
                naming.model_path(sha256),
                archive,
                content_type="application/gzip",
            )
            for sha256, archive in archives.items()
        }

        # Publish
        repository = self._images(name, settings)
        image = WorkloadImage(
            f"{name}-workload",
            WorkloadImageArgs(
                repository=naming.repository_path(
                    settings.region, settings.project, settings.names.repository
                ),
                repository_name=repository.name,
                repository_created=repository.create_time,
                model_format=built_format(settings.releases, args.models),
                digest=settings.image.digest,
            ),
            pulumi.ResourceOptions(parent=self, depends_on=[repository]),
        )
        for each in settings.releases:
            # A stop must not depend on what the repository holds.
            if each.digest not in (None, settings.image.digest) and not each.stopped:
                require_image(
                    image.path,
                    each.digest,
                    repository.name,
                    repository.create_time,
                    parent=self,
                    key=f"{each.key}.image.digest",
                )

        # Allow
        self.releases = {
            each.name: OperatorRelease(
                name if not each.name else f"{name}-operator-{each.name}",
                OperatorReleaseArgs(
                    settings=settings,
                    release=each,
                    models=args.models,
                    declared=declared[each.name],
                    bucket=bucket,
                    stored=[stored[sha256] for sha256 in declared[each.name].model_hashes],
                    image=image,
                    deployed=apis[0].id,
                ),
                self._after_apis,
            )
            for each in settings.releases
        }
        self.register_outputs({})

    def _images(self, name: str, settings: PrimusSettings) -> gcp.artifactregistry.Repository:
        """The repository, and who may pull from it."""
        repository = _repository(f"{name}-images", settings, self._after_apis)
        # One grant for each project, whose name says so: two operators may share a project, and two
        # grants that mean one binding destroy each other.
        numbers = dict.fromkeys(each.project_number for each in settings.releases)
        for place, number in enumerate(numbers):
            gcp.artifactregistry.RepositoryIamMember(
                f"{name}-images-operator-{number}",
                repository=repository.name,
                project=settings.project,
                location=settings.region,
                role="roles/artifactregistry.reader",
                # All accounts of the operator's project, because none needs to exist yet. The image
                # is no secret; the model is, and its release condition names one exact account.
                member=naming.service_accounts_of(number),
                opts=pulumi.ResourceOptions(
                    parent=self,
                    # Its name when there was one operator; without it the engine would make this
                    # grant, then delete that one, which is the same binding.
                    aliases=[pulumi.Alias(name=f"{name}-images-operator")] if not place else None,
                ),
            )
        return repository


def _repository(
    name: str, settings: PrimusSettings, opts: pulumi.ResourceOptions
) -> gcp.artifactregistry.Repository:
    path = naming.repository_name(settings.names.repository, settings.region, settings.project)
    own = origin.of("repository", settings, path)
    if own.read:
        return gcp.artifactregistry.Repository.get(name, own.read, opts)
    return gcp.artifactregistry.Repository(
        name,
        repository_id=settings.names.repository,
        project=settings.project,
        location=settings.region,
        format="DOCKER",
        labels=dict(settings.labels),
        opts=own.importing(opts),
    )
