"""Names that are free or taken, against what the stack means to do with them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from infra.config.problems import Problem, set_command

if TYPE_CHECKING:
    from collections.abc import Mapping

    from infra.existing.resources import Resource

_CREATE: Final[Mapping[str, str]] = {
    "account": "gcloud iam service-accounts create {name} --project {project}",
    "bucket": "gcloud storage buckets create gs://{name} --project {project} --location {location}"
    " --uniform-bucket-level-access --public-access-prevention",
    "network": "gcloud compute networks create {name} --project {project} --subnet-mode custom",
    "pool": "gcloud iam workload-identity-pools create {name} --location global --project"
    " {project}",
    "repository": "gcloud artifacts repositories create {name} --repository-format docker"
    " --location {location} --project {project}",
    "subnetwork": "gcloud compute networks subnets create {name} --network {network} --region"
    " {location} --range {addresses} --project {project} --enable-private-ip-google-access",
}
"""By kind, the command that creates what this program would have created."""


def missing(resource: Resource, stack: str, project: str, error: str) -> Problem:
    """Somebody must create it, or name another; `error` is empty where it certainly is not there.

    Otherwise Google refused to say so.
    """
    create = _CREATE[resource.kind].format(
        name=resource.name,
        project=project,
        location=resource.location,
        network=resource.network,
        addresses=resource.addresses,
    )
    refused = f"no answer to whether there is a {resource.called}: {error}"
    return Problem(
        key=resource.name_key,
        got=refused if error else f"no {resource.called}",
        expected="one that exists, because the stack is not to create it (`existing`, `adopt`)",
        consequence="whether it is safe to use cannot be judged"
        if error
        else "nothing is created in its place, so nothing could be granted on it",
        fix=f"{create}\n    or:          {resource.another_name(stack)}",
    )


def taken(resource: Resource, stack: str, before: int) -> Problem:
    """Another stack or a person has created it, and this stack would create it, too.

    `before` is the number of such problems before this one: the commands of all of them fill the
    same lists.
    """
    cures = [resource.another_name(stack) + "   # another name for this stack's"]
    if resource.kind != "machine":  # a machine of others does not run the workload
        lists = {
            f"existing[{before + len(resource.lists.existing)}]": "use it, and never change it",
            f"adopt[{before + len(resource.lists.adopt)}]": "import it: it is this stack's then",
        }
        for entry, why in lists.items():
            cures.append(f"{set_command(stack, resource.above + entry, resource.key)}   # {why}")
    return Problem(
        key=resource.name_key,
        got=f"{resource.name!r}: there is a {resource.called} already, and it is not this stack's",
        expected="a name that nothing has, because this stack would create it",
        consequence="Google would refuse it in the middle of an update; whatever has the name"
        " belongs to another stack, or to somebody who made it by hand",
        fix="\n    or:          ".join(cures),
    )
