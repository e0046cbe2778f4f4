"""Rules about confidential machines, and about the images that may run on the pictures.

A template is what each machine of a fleet is made from, so it is held to what one machine is.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from policy.resource import UnknownError
from policy.rule import Rule
from policy.rules.pinned import (
    CONFIDENTIAL_SPACE,
    CONFIDENTIAL_TYPES,
    IMAGE_REFERENCE,
    METADATA_KEYS,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from policy.resource import Resource

FIREWALL: Final = "gcp:compute/firewall:Firewall"
MACHINE: Final = "gcp:compute/instance:Instance"
TEMPLATE: Final = "gcp:compute/instanceTemplate:InstanceTemplate"
GROUP: Final = "gcp:compute/instanceGroupManager:InstanceGroupManager"
COMPANY: Final = "confidential-inference:infra:Secundus"
_MACHINES: Final = (MACHINE, TEMPLATE)
_OTHER_MACHINES: Final = re.compile(
    r"gcp:compute/(regionInstanceTemplate|regionInstanceGroupManager|instanceFromTemplate"
    r"|instanceFromMachineImage|machineImage|(region)?[pP]erInstanceConfig):.*"
)


def confidential(resource: Resource) -> Iterator[str]:
    """What the machine boots, and how."""
    if _OTHER_MACHINES.fullmatch(resource.type):
        yield f"got {resource.type}, expected {MACHINE}: no rule judges this kind of machine"
    if resource.type not in _MACHINES:
        return
    for path in _boot_images(resource):
        image = resource.value(*path)
        if not isinstance(image, str) or not re.fullmatch(CONFIDENTIAL_SPACE, image):
            yield (
                f"{'.'.join(map(str, path))}: got {image!r}, expected a production image of"
                " Confidential Space by its full name, such as projects/confidential-space-images"
                "/global/images/confidential-space-260900: a family moves under a running machine,"
                " and a debug image lets the operator log in"
            )
    kind = resource.value("confidentialInstanceConfig", "confidentialInstanceType")
    if kind not in CONFIDENTIAL_TYPES:
        yield (
            f"confidentialInstanceType: got {kind!r}, expected"
            f" {' or '.join(CONFIDENTIAL_TYPES)}: Google attests no other"
        )
    for key in ("enableSecureBoot", "enableVtpm"):
        value = resource.value("shieldedInstanceConfig", key)
        if value is not True:
            yield f"shieldedInstanceConfig.{key}: got {value!r}, expected true"


def _boot_images(resource: Resource) -> list[tuple[str | int, ...]]:
    """Where a machine or a template says what it boots: a template, in each of its disks."""
    if resource.type == MACHINE:
        return [("bootDisk", "initializeParams", "image")]
    places = resource.places("disks") or range(1)
    return [("disks", place, "sourceImage") for place in places]


def unreachable(resource: Resource) -> Iterator[str]:
    """No address of the Internet, and no rule that lets anybody in."""
    if resource.type == FIREWALL and resource.value("direction") != "EGRESS":
        allows = resource.value("allows")
        if allows:
            yield f"allows: got {allows!r}, expected none: nobody needs to reach the machine"
    if resource.type not in _MACHINES:
        return
    for place in resource.places("networkInterfaces"):
        for key in ("accessConfigs", "ipv6AccessConfigs"):
            configs = resource.value("networkInterfaces", place, key)
            if configs:
                yield (
                    f"networkInterfaces[{place}].{key}: got {configs!r}, expected none: the machine"
                    " would have an external address"
                )


def launch(resource: Resource) -> Iterator[str]:
    """What the launcher reads."""
    if resource.type == GROUP and resource.value("allInstancesConfig"):
        yield "allInstancesConfig: expected none: it overrides what the template's launcher reads"
    if resource.type == GROUP:
        yield from _own_templates(resource)
    if resource.type not in _MACHINES:
        return
    metadata = resource.value("metadata")
    metadata = metadata if isinstance(metadata, dict) else {}
    for key in sorted(metadata.keys() - METADATA_KEYS):
        yield f"metadata.{key}: expected no other keys than {', '.join(sorted(METADATA_KEYS))}"
    image = resource.value("metadata", "tee-image-reference")
    if not isinstance(image, str) or not re.fullmatch(IMAGE_REFERENCE, image):
        yield (
            f"metadata.tee-image-reference: got {image!r}, expected an image by digest: a tag can"
            " be moved between preview and boot"
        )
    if resource.value("metadataStartupScript"):
        yield "metadataStartupScript: expected none: the machine runs the attested workload only"


def _own_templates(group: Resource) -> Iterator[str]:
    """A group makes machines from any template that exists; the rules judge the stack's alone."""
    own = re.compile(
        r"(https://www\.googleapis\.com/compute/v1/)?"
        rf"projects/{re.escape(str(group.value('project')))}/global/instanceTemplates"
        # The plugin ends the name with a moment and a count: hexadecimal digits.
        rf"/{re.escape(str(group.value('name')))}-[0-9a-f]+(\?uniqueId=[0-9]+)?"
    )
    not_known: UnknownError | None = None
    for place in group.places("versions") or range(1):
        try:
            template = group.value("versions", place, "instanceTemplate")
        except UnknownError as error:
            not_known = error
            continue
        if not isinstance(template, str) or not own.fullmatch(template):
            yield (
                f"versions[{place}].instanceTemplate: got {template!r}, expected a template of this"
                f" stack, {group.value('name')}-… in its project: no rule has judged another one"
            )
    if not_known is not None:
        raise not_known


def approved(resource: Resource) -> Iterator[str]:
    """Whether somebody has approved the images that run on the pictures."""
    if resource.type == COMPANY and not resource.value("approvedDigests"):
        yield (
            "approvedDigests: got none, expected the images that somebody has reviewed: whatever"
            " code Primus publishes will run on the pictures"
        )


RULES: Final = (
    Rule(
        name="machine-confidential",
        description="Each machine boots a production image of Confidential Space, by name, with a"
        " confidential type that is attested, secure boot and vTPM.",
        check=confidential,
    ),
    Rule(
        name="machine-unreachable",
        description="No machine has an external address, and no firewall rule allows ingress.",
        check=unreachable,
    ),
    Rule(
        name="machine-launch",
        description="Each machine launches an image by digest, with the agreed metadata only; a"
        " group makes machines from the stack's own template.",
        check=launch,
    ),
    Rule(
        name="approved-images",
        description="Only images that somebody has approved run on the pictures.",
        advisory=True,
        check=approved,
    ),
)
