"""Workload identity pool, provider with the release condition, and grants to the model's reader.

THE security boundary of this program. `infra.attestation` renders the condition; this module sets
it on the only provider of the pool, and makes no grant that bypasses it.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pulumi
import pulumi_gcp as gcp

from infra import naming
from infra.attestation import release_policy
from infra.components.origin import CREATED, Origin
from infra.config.problems import NAMESPACE
from infra.errors import ProgramError
from infra.outputs import applied

if TYPE_CHECKING:
    from collections.abc import Callable

    from infra.attestation.release_policy import AttestationPolicy


class PoolError(ProgramError):
    """The pool to take over is not the one that the stack has."""


@dataclass(frozen=True, kw_only=True)
class ModelReleaseArgs:
    """The names, the policy and the account of the model's release."""

    project: pulumi.Input[str]
    project_number: pulumi.Input[str]
    pool: pulumi.Input[str]
    """the first part of its id; not used of one that exists"""
    provider: pulumi.Input[str]
    suffix_scope: tuple[str, ...]
    """the pool id gets a new suffix when these texts change: they must change with `pool` and
    `provider`. Plain text, because they are part of a resource's name"""
    policy: Callable[[pulumi.Output[str]], pulumi.Output[AttestationPolicy]]
    """the policy of the provider with this audience"""
    configured_digests: tuple[str, ...]
    """the admitted digests in config, each once"""
    built_digest: pulumi.Output[str] | None
    """the admitted digest that this stack built, if it built one"""
    declared: AttestationPolicy
    """the policy as far as a preview can always know it: with UNBUILT for an image that is built
    here, and NO_SUFFIX in the pool's id. `review` reads it in place of an unknown condition"""
    reader: pulumi.Input[str]
    """the full name of the account that an admitted workload may act as"""
    known_once_created: pulumi.Output[str]
    """any output that only the first preview does not have"""
    stopped: bool = False
    """whether nobody is admitted: a disabled provider, and no grant"""
    protect: bool = False
    """whether the engine refuses to delete or replace the pool"""
    pool_origin: Origin = CREATED


class ModelRelease(pulumi.ComponentResource):
    """Identity pool, provider with the release condition, and one grant for each admitted image."""

    audience: pulumi.Output[str]
    image_digests: pulumi.Output[list[str]]
    attribute_condition: pulumi.Output[str]

    def __init__(
        self, name: str, args: ModelReleaseArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        inputs = {"declaredClauses": args.declared.described()}
        super().__init__("confidential-inference:infra:ModelRelease", name, inputs, opts)
        child = pulumi.ResourceOptions(parent=self)
        pool = self._pool(name, args)
        self.audience = pulumi.Output.format(
            naming.audience("{0}", "{1}", "{2}"),
            args.project_number,
            pool.workload_identity_pool_id,
            args.provider,
        )
        policy = args.policy(self.audience)
        self.image_digests = policy.apply(lambda policy: list(policy.image_digests))
        self.attribute_condition = policy.apply(lambda policy: policy.condition)
        gcp.iam.WorkloadIdentityPoolProvider(
            name,
            workload_identity_pool_id=pool.workload_identity_pool_id,
            workload_identity_pool_provider_id=args.provider,
            project=args.project,
            display_name="Confidential Space",
            # It refuses every token from then on. The condition stays, for the way back.
            disabled=args.stopped or None,
            oidc={
                "issuer_uri": release_policy.ISSUER,
                "allowed_audiences": [release_policy.TOKEN_AUDIENCE],
            },
            attribute_mapping=dict(release_policy.MAPPING),
            # Unset or empty would admit every token of Google's attestation service; a policy that
            # renders to nothing cannot be constructed.
            attribute_condition=self.attribute_condition,
            opts=child,
        )
        grants: dict[str, tuple[str, pulumi.Input[str]]] = {
            f"release-{digest.removeprefix('sha256:')[:12]}": (release_policy.CONFIGURED, digest)
            for digest in args.configured_digests
        }
        if args.built_digest is not None:
            grants["release-built"] = (release_policy.BUILT_HERE, args.built_digest)
        for grant, (attribute, digest) in grants.items() if not args.stopped else ():
            gcp.serviceaccount.IAMMember(
                f"{name}-{grant}",
                service_account_id=args.reader,
                role="roles/iam.workloadIdentityUser",
                # Defense in depth: one grant for each image, never for the whole pool. Deleting a
                # grant revokes access within seconds.
                member=pulumi.Output.format(
                    naming.attested("{0}", "{1}", attribute, "{2}"),
                    args.project_number,
                    pool.workload_identity_pool_id,
                    digest,
                ),
                opts=child,
            )
        self.register_outputs({"audience": self.audience})

    def _pool(self, name: str, args: ModelReleaseArgs) -> gcp.iam.WorkloadIdentityPool:
        if args.pool_origin.read:
            child = pulumi.ResourceOptions(parent=self)
            return gcp.iam.WorkloadIdentityPool.get(name, args.pool_origin.read, child)
        opts = pulumi.ResourceOptions(parent=self, protect=args.protect)
        return gcp.iam.WorkloadIdentityPool(
            name,
            workload_identity_pool_id=self._pool_id(name, args),
            project=args.project,
            display_name="Attested workloads",
            opts=args.pool_origin.importing(opts),
        )

    def _pool_id(self, name: str, args: ModelReleaseArgs) -> pulumi.Output[str]:
        """An id that no pool has had: deleted ones stay reserved for 30 days, and so do providers.

        The state holds the suffix until the stack is destroyed, or `suffix_scope` changes.
        """
        pool = args.pool_origin.adopted.rpartition("/")[2]
        adopted = naming.pool_suffix(pool)
        suffix = pulumi.Stash(
            "-".join((name, "pool-suffix", *args.suffix_scope)),
            # Unknown in the first preview: a saved plan with a random value would fail in `up`.
            input=adopted
            or args.known_once_created.apply(lambda _: secrets.token_hex(naming.SUFFIX_BYTES)),
            # Without this every preview would show the new random input as a change.
            opts=pulumi.ResourceOptions(parent=self, ignore_changes=["input"]),
        )
        if adopted:
            return applied(suffix.output, lambda own: _require_adopted(pool, adopted, own))
        return pulumi.Output.format("{0}-{1}", args.pool, suffix.output)


def _require_adopted(pool: str, adopted: str, own: object) -> str:
    """The pool's id, if the state has no other suffix, which a later `up` would return to."""
    if own != adopted:
        raise PoolError(
            f"adopt: got the pool {pool}, expected the one that this stack has, with the suffix"
            f" {own}: a stack keeps one suffix, and would replace the other pool; nothing was"
            " changed. To go on with its own: pulumi config rm --stack primus"
            f" '{NAMESPACE}:adopt'"
        )
    return pool
