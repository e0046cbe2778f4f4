"""What machines need: zones that have their type, a boot image, a way to Google's services."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from ops.doctor.check import not_checked, not_ok, ok
from ops.google_api import NOT_FOUND, ApiError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from infra.config.secundus_settings import SecundusSettings
    from ops.doctor.check import Check
    from ops.google_api import GoogleApi

COMPUTE: Final = "compute.googleapis.com/compute/v1"
IMAGES: Final = "projects/confidential-space-images/global/images"
FAMILY: Final = "confidential-space"
LIST: Final = (
    "gcloud compute images list --project confidential-space-images --no-standard-images"
    " --filter family=confidential-space"
)
LIFECYCLE: Final = (
    "https://docs.cloud.google.com/confidential-computing/confidential-space/docs"
    "/confidential-space-images"
)


def checks(api: GoogleApi, settings: SecundusSettings) -> Iterator[Check]:
    """Each zone and its machine type, boot image, and the subnetwork if others have made it."""
    own = f"{COMPUTE}/projects/{settings.project}"
    key = "zone" if settings.fleet is None else "fleet.zones"
    for zone in (settings.zone,) if settings.fleet is None else settings.fleet.zones:
        yield _zone(api, f"{own}/zones/{zone}", zone, key)
        yield _machine_type(api, own, settings, zone)
    yield _image(api, settings)
    if "subnetwork" in settings.existing:
        yield _subnetwork(api, own, settings)


def _later(name: str, error: ApiError) -> Check:
    """Before the first update the Compute API is off."""
    return not_checked(name, error.short, "again after the first update, which switches the API on")


def _zone(api: GoogleApi, url: str, zone: str, key: str) -> Check:
    other = "pulumi config set " + ("zone ZONE" if key == "zone" else f"--path '{key}[N]' ZONE")
    try:
        status = str(api.get(url).get("status"))
    except ApiError as error:
        if error.status == NOT_FOUND:
            return not_ok("zone", f"there is no zone {zone}", other)
        return _later("zone", error)
    if status != "UP":
        return not_ok("zone", f"{zone} is {status}", other)
    return ok("zone", zone)


def _machine_type(api: GoogleApi, own: str, settings: SecundusSettings, zone: str) -> Check:
    kind = settings.machine_type
    name = "machine type"
    try:
        api.get(f"{own}/zones/{zone}/machineTypes/{kind}")
    except ApiError as error:
        if error.status == NOT_FOUND:
            return not_ok(
                name,
                f"{zone} has no {kind}",
                f"gcloud compute machine-types list --filter name={kind}   # then another zone",
            )
        return _later(name, error)
    return ok(name, f"{kind} with {settings.confidential_type} in {zone}")


def _image(api: GoogleApi, settings: SecundusSettings) -> Check:
    name, image = "boot image", settings.confidential_space_image.rpartition("/")[2]
    change = f"{LIST}; pulumi config set confidentialSpaceImage {IMAGES}/NAME"
    if not re.fullmatch(rf"{FAMILY}-[0-9]+", image):
        return not_ok(
            name, f"{image} is no production image: Primus' condition refuses others", change
        )
    try:
        found = api.get(f"{COMPUTE}/{IMAGES}/{image}")
        newest = str(api.get(f"{COMPUTE}/{IMAGES}/family/{FAMILY}").get("name"))
    except ApiError as error:
        if error.status == NOT_FOUND:
            return not_ok(name, f"Google has no {image}, or no longer", change)
        return _later(name, error)
    state = (found.get("deprecated") or {}).get("state")
    if state:
        return not_ok(
            name,
            f"{image} is {state}: it may be out of support, and then the condition refuses it"
            f" ({LIFECYCLE}). The newest is {newest}",
            change.replace("NAME", newest),
        )
    return ok(name, image + ("" if newest == image else f"; the newest is {newest}"))


def _subnetwork(api: GoogleApi, own: str, settings: SecundusSettings) -> Check:
    name, subnetwork = "subnetwork", settings.names.subnetwork
    try:
        found = api.get(f"{own}/regions/{settings.region}/subnetworks/{subnetwork}")
    except ApiError as error:
        if error.status == NOT_FOUND:
            return not_ok(name, f"there is no {subnetwork}", "have it made, or remove `existing`")
        return _later(name, error)
    if not found.get("privateIpGoogleAccess"):
        return not_ok(
            name,
            f"{subnetwork} has no Private Google Access: the machine would reach nothing",
            f"gcloud compute networks subnets update {subnetwork} --region {settings.region}"
            " --enable-private-ip-google-access",
        )
    return ok(name, f"{subnetwork} has Private Google Access")
