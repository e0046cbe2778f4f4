"""The commands of gcloud and Docker that documents name, with their options.

Those of gcloud as version 528 has them: where gcloud is installed, a test compares. The page of
each is https://docs.cloud.google.com/sdk/gcloud/reference/ and the words of the command, with
slashes. An entry that no document uses is an error, too.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

WIDE: Final = frozenset({"--flatten", "--format", "--project"})
"""Options that every command of gcloud has."""

GCLOUD: Final[Mapping[str, frozenset[str]]] = {
    "artifacts docker images describe": frozenset(),
    "artifacts repositories add-iam-policy-binding": frozenset(
        {"--location", "--member", "--role"}
    ),
    "artifacts repositories create": frozenset({"--location", "--repository-format"}),
    "artifacts repositories delete": frozenset({"--location"}),
    "auth application-default login": frozenset(),
    "auth application-default set-quota-project": frozenset(),
    "auth configure-docker": frozenset(),
    "auth login": frozenset({"--update-adc"}),
    "billing projects describe": frozenset(),
    "billing projects link": frozenset({"--billing-account"}),
    "compute images describe-from-family": frozenset(),
    "compute images list": frozenset({"--filter", "--no-standard-images", "--sort-by"}),
    "compute instance-groups managed resize": frozenset({"--size", "--zone"}),
    "compute instance-groups managed stop-autoscaling": frozenset({"--zone"}),
    "compute instances delete": frozenset({"--zone"}),
    "compute instances stop": frozenset({"--zone"}),
    "compute machine-types list": frozenset({"--filter"}),
    "compute project-info describe": frozenset(),
    "compute regions describe": frozenset(),
    "iam service-accounts add-iam-policy-binding": frozenset({"--member", "--role"}),
    "iam service-accounts create": frozenset(),
    "iam workload-identity-pools create": frozenset({"--location"}),
    "iam workload-identity-pools providers create-oidc": frozenset(
        {
            "--attribute-condition",
            "--attribute-mapping",
            "--issuer-uri",
            "--location",
            "--workload-identity-pool",
        }
    ),
    "iam workload-identity-pools undelete": frozenset({"--location"}),
    "kms keyrings create": frozenset({"--location"}),
    "kms keys add-iam-policy-binding": frozenset({"--keyring", "--location", "--member", "--role"}),
    "kms keys create": frozenset({"--keyring", "--location", "--purpose"}),
    "logging read": frozenset({"--freshness"}),
    "projects add-iam-policy-binding": frozenset({"--member", "--role"}),
    "projects describe": frozenset(),
    "projects remove-iam-policy-binding": frozenset({"--member", "--role"}),
    "pubsub subscriptions seek": frozenset({"--time"}),
    "services enable": frozenset(),
    "services list": frozenset({"--enabled"}),
    "storage buckets add-iam-policy-binding": frozenset({"--member", "--role"}),
    "storage buckets create": frozenset(
        {"--location", "--public-access-prevention", "--uniform-bucket-level-access"}
    ),
    "storage buckets update": frozenset({"--versioning"}),
    "storage cp": frozenset(),
    "storage ls": frozenset(),
    "storage rsync": frozenset({"--recursive"}),
}

DOCKER: Final[Mapping[str, frozenset[str]]] = {
    "images": frozenset(),  # https://docs.docker.com/reference/cli/docker/image/ls/
    # https://docs.docker.com/reference/cli/docker/buildx/build/
    "buildx build": frozenset(
        {
            "--build-arg",
            "--metadata-file",
            "--output",
            "--platform",
            "--provenance",
            "--push",
            "-t",
        }
    ),
    # https://docs.docker.com/reference/cli/docker/buildx/create/
    "buildx create": frozenset({"--use"}),
    # https://docs.docker.com/reference/cli/docker/buildx/imagetools/inspect/
    "buildx imagetools inspect": frozenset({"--raw"}),
}
