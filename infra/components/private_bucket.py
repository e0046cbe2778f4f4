"""A bucket to which only IAM grants give access: no object ACLs, no public access."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import pulumi
import pulumi_gcp as gcp

from infra.components.origin import CREATED, Origin
from infra.config import local_files
from infra.outputs import applied

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


@dataclass(frozen=True, kw_only=True)
class PrivateBucketArgs:
    """Name, location and deletion behavior of a private bucket."""

    bucket: pulumi.Input[str]
    project: pulumi.Input[str]
    location: pulumi.Input[str]
    labels: Mapping[str, pulumi.Input[str]]
    force_destroy: pulumi.Input[bool]
    forget_deleted: bool = False
    """whether Google deletes an object at once, without its seven days of soft delete"""
    keep_days: int | None = None
    """for how long Google keeps what is overwritten or deleted; 0: not any more; None: unset"""
    protect: bool = False
    """whether the engine refuses to delete or replace the bucket"""
    origin: Origin = CREATED


class PrivateBucket(pulumi.ComponentResource):
    """A bucket without object ACLs and without any possibility of public access."""

    name: pulumi.Output[str]
    url: pulumi.Output[str]
    """gs://NAME"""

    def __init__(
        self, name: str, args: PrivateBucketArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("confidential-inference:infra:PrivateBucket", name, {}, opts)
        if args.origin.read:
            child = pulumi.ResourceOptions(parent=self)
            bucket = gcp.storage.Bucket.get(name, args.origin.read, child)
        else:
            bucket = self._managed(name, args)
        self._name = name
        self.name = bucket.name
        self.url = bucket.name.apply("gs://{}".format)
        self.register_outputs({"name": self.name, "url": self.url})

    def _managed(self, name: str, args: PrivateBucketArgs) -> gcp.storage.Bucket:
        opts = pulumi.ResourceOptions(parent=self, protect=args.protect)
        return gcp.storage.Bucket(
            name,
            name=args.bucket,
            project=args.project,
            location=args.location,
            labels=dict(args.labels),
            force_destroy=args.force_destroy,
            # Without object ACLs the bucket's policy has every grant. Federated identities
            # need this too: https://docs.cloud.google.com/storage/docs/uniform-bucket-level-access
            uniform_bucket_level_access=True,
            # Not "inherited": somebody else may remove an organisation policy.
            public_access_prevention="enforced",
            versioning=None if args.keep_days is None else {"enabled": args.keep_days > 0},
            lifecycle_rules=_kept(args.keep_days) if args.keep_days else None,
            soft_delete_policy={"retention_duration_seconds": 0} if args.forget_deleted else None,
            opts=args.origin.importing(opts),
        )

    def put(
        self,
        name: str,
        path: str,
        file: Path,
        *,
        content_type: str | None = None,
        opts: pulumi.ResourceOptions | None = None,
    ) -> pulumi.Output[pulumi.Resource]:
        """Store a file of this machine at a path of the bucket; the object, once it is that file.

        The resource is named after the bucket, so that two buckets can have objects of one name.
        Whatever must not be deployed with another file in its place depends on this output.
        """
        stored = gcp.storage.BucketObject(
            f"{self._name}-{name}",
            bucket=self.name,
            name=path,
            source=pulumi.FileAsset(str(file)),
            content_type=content_type,
            opts=opts or pulumi.ResourceOptions(parent=self),
        )

        def checked(md5: str) -> pulumi.Resource:
            local_files.uploaded(file, md5)
            return stored

        return applied(stored.md5hash, checked)

    def grant(
        self,
        name: str,
        role: str,
        member: pulumi.Input[str],
        *,
        condition: gcp.storage.BucketIAMMemberConditionArgsDict | None = None,
    ) -> pulumi.CustomResource:
        """Give one member one role on this bucket, or on what a condition says; other grants stay.

        The grant is named after the bucket, so that two buckets can have grants of one name.
        """
        return gcp.storage.BucketIAMMember(
            f"{self._name}-{name}",
            bucket=self.name,
            role=role,
            member=member,
            condition=condition,
            opts=pulumi.ResourceOptions(parent=self),
        )


def _kept(days: int) -> list[gcp.storage.BucketLifecycleRuleArgsDict]:
    """When former versions end; those of a run's parts, which nobody reads, after a day.

    https://docs.cloud.google.com/storage/docs/lifecycle#conditions
    """
    return [
        {
            "action": {"type": "Delete"},
            "condition": {"days_since_noncurrent_time": days, "with_state": "ARCHIVED"},
        },
        {
            "action": {"type": "Delete"},
            "condition": {
                "days_since_noncurrent_time": 1,
                "matches_prefixes": ["parts/"],
                "with_state": "ARCHIVED",
            },
        },
    ]
