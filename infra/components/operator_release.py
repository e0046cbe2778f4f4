"""What one operator is admitted with: an account that reads its models, and their release.

Nothing here is shared with another operator, but for the bucket: there, each account may read
just the objects of its own models.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pulumi

from infra import naming
from infra.attestation.release_policy import UNBUILT, AttestationPolicy
from infra.components import origin
from infra.components.account import account
from infra.components.model_release import ModelRelease, ModelReleaseArgs
from infra.handover import Handover
from infra.launch import ENTRY_POINT, ENVIRONMENT
from infra.outputs import applied

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import pulumi_gcp as gcp

    from infra.components.private_bucket import PrivateBucket
    from infra.components.workload_image import WorkloadImage
    from infra.config.model_archive import ModelArchive
    from infra.config.primus_settings import PrimusSettings
    from infra.config.releases import Release


@dataclass(frozen=True, kw_only=True)
class OperatorReleaseArgs:
    """One operator's release, and what all operators share."""

    settings: PrimusSettings
    release: Release
    models: Mapping[str, ModelArchive]
    """all models of the company by name"""
    declared: AttestationPolicy
    """the policy with UNBUILT and NO_SUFFIX"""
    bucket: PrivateBucket
    stored: Sequence[pulumi.Input[pulumi.Resource]]
    """the objects of the operator's models"""
    image: WorkloadImage
    deployed: pulumi.Output[str]
    """any output that the stack's first preview does not have"""


class OperatorRelease:
    """The release of one operator's models. No component: it adds nothing to a resource's URN."""

    handover: pulumi.Output[dict[str, Any]]
    """what this operator must know"""
    image_digests: pulumi.Output[list[str]]
    attribute_condition: pulumi.Output[str]

    def __init__(
        self, prefix: str, args: OperatorReleaseArgs, after_apis: pulumi.ResourceOptions
    ) -> None:
        """Declare its resources; their names begin with `prefix`."""
        settings, release = args.settings, args.release
        reader = account(
            f"{prefix}-model-reader",
            release.reader,
            project=settings.project,
            display_name="Reads the model for an attested workload",
            # Nobody can act as it any more. Google's provider ignores this at creation, where no
            # grant leads to the account anyway.
            disabled=release.stopped or None,
            lists=release,
            opts=after_apis,
        )
        if not release.stopped:
            _let_read(reader, args)
        pinned = (release.digest,) if release.digest else ()
        names = (release.pool_prefix, settings.names.provider)
        attested = ModelRelease(
            f"{prefix}-attestation",
            ModelReleaseArgs(
                project=settings.project,
                project_number=settings.project_number,
                pool=release.pool_prefix,
                provider=settings.names.provider,
                # Not the default names, so that stacks of earlier versions keep their suffix.
                suffix_scope=() if names == (naming.POOL, naming.PROVIDER) else names,
                policy=lambda audience: applied(
                    pulumi.Output.all(release.digest or args.image.digest, audience),
                    lambda resolved: _policy(settings, release, args.models, *resolved),
                ),
                configured_digests=tuple(dict.fromkeys((*pinned, *release.admit_also))),
                built_digest=None if pinned else args.image.digest,
                declared=args.declared,
                reader=reader.name,
                # A reader that exists may be known before.
                known_once_created=pulumi.Output.all(reader.id, args.deployed).apply(str),
                stopped=release.stopped,
                protect="pool" in settings.protect,
                pool_origin=origin.of(
                    "pool", release, naming.pool_name(release.pool, settings.project)
                ),
            ),
            # A model that differs from the file is neither released nor in the handover.
            pulumi.ResourceOptions.merge(
                after_apis, pulumi.ResourceOptions(depends_on=list(args.stored))
            ),
        )
        self.image_digests = attested.image_digests
        self.attribute_condition = attested.attribute_condition
        self.handover = pulumi.Output.all(
            digest=release.digest or args.image.digest,
            audience=attested.audience,
            bucket=args.bucket.name,
            reader=reader.email,
        ).apply(lambda resolved: _handover(args, **resolved).published())


def _let_read(reader: gcp.serviceaccount.Account, args: OperatorReleaseArgs) -> None:
    """One grant for each model of the operator, because the bucket holds those of others, too."""
    grant = f"operator-{args.release.name}-reader" if args.release.name else "reader"
    for sha256 in args.declared.model_hashes:
        args.bucket.grant(
            f"{grant}-{sha256[:12]}",
            "roles/storage.objectViewer",
            reader.member,
            # Uniform access evaluates it for each object. It covers no listing: a list request is
            # about the bucket. https://docs.cloud.google.com/iam/docs/conditions-resource-attributes
            condition={
                "title": f"model {sha256[:12]}",
                "expression": pulumi.Output.format(
                    naming.only_model("{0}", sha256), args.bucket.name
                ),
            },
        )


def policy(
    settings: PrimusSettings, release: Release, models: Mapping[str, ModelArchive]
) -> AttestationPolicy:
    """An operator's policy as far as it is known before `up`; PolicyError if none can be made."""
    # As long as the real one.
    pool = release.pool
    if "pool" not in release.existing:
        pool = f"{release.pool_prefix}-{naming.NO_SUFFIX}"
    audience = naming.audience(settings.project_number, pool, settings.names.provider)
    return _policy(settings, release, models, release.digest or UNBUILT, audience)


def _policy(
    settings: PrimusSettings,
    release: Release,
    models: Mapping[str, ModelArchive],
    digest: str,
    audience: str,
) -> AttestationPolicy:
    """Who may use an operator's models, for an image and the full name of a provider."""
    return AttestationPolicy(
        image_digests=tuple(dict.fromkeys((digest, *release.admit_also))),
        arguments=ENTRY_POINT,
        model_hashes=tuple(dict.fromkeys(_hashes(release, models))),
        environment=ENVIRONMENT,
        model_bucket=settings.names.model_bucket,
        audience=audience,
        model_reader=naming.service_account(release.reader, settings.project),
        hardware=release.hardware,
        project_number=release.project_number,
        service_account=release.service_account,
    )


def _hashes(release: Release, models: Mapping[str, ModelArchive]) -> list[str]:
    """The models of a release, those that it uses by default first."""
    own = [models[name] for name in release.models]
    return [each.sha256 for each in own] + [sha256 for each in own for sha256 in each.admit_also]


def _handover(
    args: OperatorReleaseArgs, *, digest: str, audience: str, bucket: str, reader: str
) -> Handover:
    release = args.release
    models = {name: args.models[name].sha256 for name in release.models}
    first = models[release.models[0]]
    return Handover(
        image=f"{args.image.path}@{digest}",
        audience=audience,
        model_uri=naming.model_uri(bucket, first),
        model_sha256=first,
        model_reader=reader,
        operator_number=release.project_number,
        operator_account=release.service_account,
        models=models,
        stopped=release.stopped,
    )
