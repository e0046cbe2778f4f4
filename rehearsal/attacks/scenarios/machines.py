"""Lies about the machine: not confidential, not production, not Secundus', not as agreed.

For a machine that the local cloud does not boot, the row has the claims that Google gives it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from rehearsal.attacks.gates import REJECTED, Gate
from rehearsal.attacks.scenario import Row, claiming, drop, launching, put
from rehearsal.cloud.confidential_space.launch_spec import IMPERSONATE
from rehearsal.cloud.confidential_space.launcher import NO_CLIENT
from rehearsal.cloud.state import SERVICE_ACCOUNTS_OF_PROJECT, Instance, ServiceAccount

if TYPE_CHECKING:
    from rehearsal.attacks.deployment import Target
    from rehearsal.attacks.scenario import Attempt

IMAGES = "https://www.googleapis.com/compute/v1/projects/confidential-space-images/global/images/"
OTHER = "other-sa@secundus-vision.iam.gserviceaccount.com"
THIRD = "tertius-vision"
THIRD_ACCOUNT = f"workload-sa@{THIRD}.iam.gserviceaccount.com"
SPACE_USER = "roles/confidentialcomputing.workloadUser"


def debug(_: Target, machine: Instance) -> None:
    """Boots the debug image of Confidential Space."""
    initial = machine.doc["disks"][0]["initializeParams"]
    initial["sourceImage"] = IMAGES + "confidential-space-debug-260900"


def encrypted(kind: str | None) -> Attempt:
    """Has another kind of memory encryption, or none."""

    def change(_: Target, machine: Instance) -> None:
        machine.doc["confidentialInstanceConfig"] = {"confidentialInstanceType": kind}

    return launching(machine=change)


def _insecure(_: Target, machine: Instance) -> None:
    machine.doc["shieldedInstanceConfig"]["enableSecureBoot"] = False


def _own(target: Target, email: str, project: str, role: str | None) -> None:
    """An account of the operator's own, with a role on its project, or without."""
    target.cloud.service_accounts[email] = ServiceAccount(email, project, {"email": email})
    if role is not None:
        member = f"serviceAccount:{email}"
        target.cloud.projects[project].policy.bindings.append({"role": role, "members": [member]})


def _as_other(role: str | None) -> Attempt:
    def change(target: Target, machine: Instance) -> None:
        _own(target, OTHER, "secundus-vision", role)
        machine.doc["serviceAccounts"] = [{"email": OTHER}]

    return launching(machine=change)


def _as_nobody(_: Target, machine: Instance) -> None:
    machine.doc["serviceAccounts"] = []


def _without_attestation(target: Target, machine: Instance) -> None:
    target.cloud.projects[machine.project].services.remove("confidentialcomputing.googleapis.com")


def _impersonating(target: Target, machine: Instance) -> None:
    """The agreed account may act as another one of the operator's, who says so."""
    _own(target, OTHER, "secundus-vision", None)
    agreed = f"serviceAccount:{machine.service_account}"
    target.cloud.service_accounts[OTHER].policy.bindings = [
        {"role": "roles/iam.serviceAccountTokenCreator", "members": [agreed]}
    ]


def third_company(target: Target, machine: Instance) -> None:
    """A machine like Secundus', in a project of a third company."""
    project = target.cloud.add_project(THIRD, "333333333333")
    project.services.add("confidentialcomputing.googleapis.com")
    _own(target, THIRD_ACCOUNT, THIRD, SPACE_USER)
    machine.project = THIRD
    machine.doc["serviceAccounts"] = [{"email": THIRD_ACCOUNT}]


def _befriended(target: Target, machine: Instance) -> None:
    """The same, and Primus lets its accounts pull the image."""
    third_company(target, machine)
    member = SERVICE_ACCOUNTS_OF_PROJECT.format(number="333333333333")
    target.repository.policy.bindings[0]["members"].append(member)


def _borrowed(target: Target, machine: Instance) -> None:
    """A third project runs it as Secundus' account, which somebody in that project may use."""
    agreed = machine.doc["serviceAccounts"]
    third_company(target, machine)
    machine.doc["serviceAccounts"] = agreed
    member = f"serviceAccount:{agreed[0]['email']}"
    target.cloud.projects[THIRD].policy.bindings = [{"role": SPACE_USER, "members": [member]}]


def _rejected(lie: str, attempt: Attempt) -> Row:
    return Row(layer="machine", lie=lie, by=Gate.CONDITION, says=REJECTED, attempt=attempt)


def _not_launched(lie: str, says: str, attempt: Attempt) -> Row:
    return Row(layer="machine", lie=lie, by=Gate.LAUNCHER, says=says, attempt=attempt)


ROWS = (
    _rejected("a debug image, on which the operator can log in", launching(machine=debug)),
    _rejected("a Shielded VM without memory encryption", encrypted(None)),
    _rejected(
        "a boot image of the operator's own, which is no Confidential Space to Google",
        claiming(put("swname", "GCE"), drop("submods.confidential_space.support_attributes")),
    ),
    _rejected(
        "a version of Confidential Space that Google no longer supports",
        claiming(put("submods.confidential_space.support_attributes", ["USABLE"])),
    ),
    Row(
        layer="machine",
        lie="a plain virtual machine, with the identity token that it gets",
        by=Gate.TOKEN,
        says="does not match the expected one in config",
        attempt=claiming(put("iss", "https://accounts.google.com")),
    ),
    _not_launched(
        "AMD SEV-SNP, for which Google attests nothing",
        "UNSUPPORTED_CC_TECHNOLOGY",
        encrypted("SEV_SNP"),
    ),
    _rejected("secure boot switched off", launching(machine=_insecure)),
    _not_launched(
        "another account of Secundus' without a role",
        "confidentialcomputing.locations.list",
        _as_other(None),
    ),
    _not_launched(
        "a project with the attestation API off",
        f"{NO_CLIENT}listing regions in project",
        launching(machine=_without_attestation),
    ),
    _rejected("another account of Secundus' with that role", _as_other(SPACE_USER)),
    _not_launched("no service account", "(no token, only works", launching(machine=_as_nobody)),
    _not_launched(
        "an account that the agreed one may not act as",
        f"failed to get impersonated token for {OTHER}",
        launching({IMPERSONATE: OTHER}),
    ),
    _rejected(
        "another account in the token beside the agreed one",
        launching({IMPERSONATE: OTHER}, machine=_impersonating),
    ),
    _not_launched(
        "a third company's machine", "downloadArtifacts", launching(machine=third_company)
    ),
    _rejected("a third company's machine that may pull the image", launching(machine=_befriended)),
    _rejected("a third company's machine with the agreed account", launching(machine=_borrowed)),
)
