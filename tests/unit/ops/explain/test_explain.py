"""The command `explain`: which cause each message of a failed update has.

The messages are those that people have met (the links are in the tables of causes), with other
projects, zones and names.
"""

from __future__ import annotations

import io
import json
import re
from typing import TYPE_CHECKING

import pytest

from ops.cli import main
from ops.exit_codes import OK, UNUSABLE
from ops.explain.google_causes import GOOGLE
from ops.explain.pulumi_causes import PULUMI
from ops.explain.reader import UnknownError, explained, stack_of

if TYPE_CHECKING:
    from pathlib import Path

OUTPUT = """Updating (acme/confidential-inference/{stack}):

 +  gcp:compute:Instance secundus-workload creating (4s) error:   sdk-v2/provider2.go:572: \
sdk.helper_schema: Error
 +  gcp:compute:Instance secundus-workload **creating failed** error: 1 error occurred:
Diagnostics:
  gcp:{kind} ({name}):
    error:   sdk-v2/provider2.go:572: sdk.helper_schema: {message}
    error: 1 error occurred:
    \t* {message}

  pulumi:pulumi:Stack (confidential-inference-{stack}):
    error: update failed

Resources:
    + 12 created
"""


def output(message: str, stack: str = "secundus", kind: str = "compute:Instance") -> bytes:
    """What `pulumi up` prints if one resource fails."""
    text = OUTPUT.format(message=message, stack=stack, kind=kind, name="secundus-workload")
    return text.encode()


MESSAGES = {
    "googleapi: Error 403: Compute Engine API has not been used in project 31415 before or it is"
    " disabled. Enable it by visiting https://console.developers.google.com/apis/api/"
    "compute.googleapis.com/overview?project=31415 then retry.": (
        "an API is off",
        "gcloud services enable compute.googleapis.com --project 31415",
    ),
    "Error setting IAM policy for project: googleapi: Error 400: One or more users named in the"
    " policy do not belong to a permitted customer., failedPrecondition": (
        "allows members of some organizations only",
        "constraints/iam.allowedPolicyMemberDomains",
    ),
    "Error creating WorkloadIdentityPoolProvider: googleapi: Error 400: Org Policy violated for"
    " value: 'https://confidentialcomputing.googleapis.com/'.": (
        "lists the issuers",
        "allow https://confidentialcomputing.googleapis.com/",
    ),
    "Error creating instance: googleapi: Error 412: Constraint"
    " constraints/compute.trustedImageProjects violated for project 42. Use of images from project"
    " confidential-space-images is prohibited., conditionNotMet": (
        "lists the projects whose boot images",
        "allow projects/confidential-space-images",
    ),
    "googleapi: Error 412: 'europe-west9' violates constraint"
    " 'constraints/gcp.resourceLocations', conditionNotMet": (
        "lists the places",
        "pulumi config set --stack secundus region REGION",
    ),
    "googleapi: Error 412: Constraint constraints/compute.requireOsLogin violated for project 7": (
        "policy compute.requireOsLogin forbids it",
        "make an exception",
    ),
    "googleapi: Error 403: The billing account for the owning project is disabled in state absent,"
    " accountDisabled": ("no open billing account", "gcloud billing projects link"),
    "Error waiting for instance to create: Quota 'N2D_CPUS' exceeded.  Limit: 0.0 in region"
    " us-west1.": ("quota N2D_CPUS is used up", "machineType TYPE"),
    "googleapi: Error 429: Quota exceeded for quota metric 'Requests' and limit 'Requests per"
    " minute' of service 'iam.googleapis.com'": (
        "more requests in a minute",
        "wait, then: pulumi up",
    ),
    "Error waiting for instance to create: The zone 'projects/x/zones/us-central1-f' does not have"
    " enough resources available to fulfill the request.  Try a different zone, or try again"
    " later.": ("no such machine left", "zone ZONE && pulumi up --stack secundus"),
    "ZONE_RESOURCE_POOL_EXHAUSTED: A n2d-standard-2 VM instance is currently unavailable in the"
    " europe-west4-a zone.": ("no such machine left", "another zone"),
    "googleapi: Error 400: Invalid value for field 'resource.machineType': 'zones/us-west1-b/"
    "machineTypes/c3-standard-4'. Machine type with name 'c3-standard-4' does not exist in zone"
    " 'us-west1-b'., invalid": ("no machines of this type", "machine-types list"),
    "googleapi: Error 404: The resource 'projects/confidential-space-images/global/images/"
    "confidential-space-250101' was not found, notFound": (
        "no Confidential Space image called confidential-space-250101",
        "confidentialSpaceImage",
    ),
    "Error creating Bucket: googleapi: Error 409: The requested bucket name is not available. The"
    " bucket namespace is shared by all users of the system., conflict": (
        "all buckets of the world",
        "choose another name",
    ),
    "Error creating Network: googleapi: Error 409: The resource 'projects/x/global/networks/n'"
    " already exists, alreadyExists": ("the stack does not know it", "adopt[0]"),
    **dict.fromkeys(
        (
            f"Error creating X: googleapi: Error 409: {says}"
            for says in (
                "The resource 'projects/x/global/firewalls/n' already exists, alreadyExists",
                "The resource 'projects/x/zones/z/autoscalers/n' already exists, alreadyExists",
                "The resource 'projects/x/zones/z/instances/n' already exists, alreadyExists",
                "The resource 'projects/x/zones/z/instanceGroupManagers/n' already exists",
                "Resource already exists in the project (resource=workload-slices).",
            )
        ),
        ("no stack can take it over", "leftovers --stack secundus prints for it, then"),
    ),
    "Error trying to delete bucket secundus-vision-result-bucket containing objects without"
    " force_destroy set to true": (
        "holds objects that the stack did not put there",
        "confidential-inference empty --stack secundus",
    ),
    "Error applying IAM policy: googleapi: Error 400: Service account w@x.iam.gserviceaccount.com"
    " does not exist., badRequest": ("know a new account yet", "a minute later"),
    "googleapi: Error 409: There were concurrent policy changes. Please retry the whole"
    " read-modify-write with exponential backoff., aborted": ("at the same moment", "nothing is"),
    "Error updating managed group instances: googleapi: Error 412: Invalid fingerprint.,"
    " conditionNotMet": ("changed since the stack read it", "pulumi up --refresh --stack secundus"),
    "Error patching InstanceGroupManager: googleapi: Error 412: Supplied fingerprint does not match"
    " current fingerprint., conditionNotMet": ("autoscalers change the groups", "--refresh"),
    "Error deleting instance template: googleapi: Error 400: The instance_template resource"
    " 'projects/x/global/instanceTemplates/workload-fleet-1' is already being used by"
    " 'projects/x/zones/us-west1-b/instanceGroupManagers/workload-fleet',"
    " resourceInUseByAnotherResource": (
        "still replaces, or shuts down, machines",
        "delete nothing, then: pulumi up --stack secundus",
    ),
    "googleapi: Error 400: The network resource 'projects/x/global/networks/n' is already being"
    " used by 'projects/x/global/firewalls/f', resourceInUseByAnotherResource": (
        "uses what is to be deleted",
        "delete that first",
    ),
    "googleapi: Error 403: Permission 'iam.serviceAccounts.create' denied on resource (or it may"
    " not exist)., forbidden": (
        "the permission iam.serviceAccounts.create,",
        "first-deployment.md",
    ),
    "googleapi: Error 403: Required 'compute.instances.create' permission for 'projects/x/zones/z/"
    "instances/i', forbidden": ("the permission compute.instances.create,", "first-deployment.md"),
    "googleapi: Error 403: d@x.example does not have storage.buckets.create access to the Google"
    " Cloud project., forbidden": ("the permission storage.buckets.create,", "first-deployment.md"),
    "google: could not find default credentials. See https://cloud.google.com/docs": (
        "there are no credentials",
        "gcloud auth application-default login",
    ),
    'oauth2: "invalid_grant" "reauth related error (invalid_rapt)"': ("expired", "log in again"),
    "Get https://compute.googleapis.com/: dial tcp: lookup compute.googleapis.com: no such host": (
        "no way to a server",
        "network and proxy",
    ),
    "failed to read downloaded context: failed to load cache key: build-context-1: no such host": (
        "containerd store",
        "switch that store off",
    ),
    "Cannot connect to the Docker daemon at unix:///var/run/docker.sock. Is the docker daemon"
    " running?": ("Docker does not run here", "image.digest"),
    'denied: Unauthenticated request. Unauthenticated requests do not have permission "artifact'
    'registry.repositories.uploadArtifacts"': ("not logged in to the registry", "configure-docker"),
}


@pytest.mark.parametrize(("message", "expected"), MESSAGES.items(), ids=range(len(MESSAGES)))
def test_a_message_is_explained_with_its_cure(message: str, expected: tuple[str, str]) -> None:
    """Once, with the resource it was about, although the engine prints it several times."""
    (found,) = explained(output(message))
    when, fix = expected
    assert when in found.when
    assert fix in found.fix
    assert found.resource == "gcp:compute:Instance secundus-workload"


def test_a_reserved_pool_is_another_cause_than_a_name_that_is_taken() -> None:
    """The same sentence of Google's, told apart by the resource."""
    kind = "iam/workloadIdentityPool:WorkloadIdentityPool"
    (found,) = explained(output("googleapi: Error 409: Requested entity already exists", kind=kind))
    assert "reserved for 30 days" in found.when
    assert "workload-identity-pools undelete" in found.fix


@pytest.mark.parametrize(
    ("text", "when", "fix"),
    [
        (
            (
                "error: the stack is currently locked by 1 lock(s). Either wait for the other"
                " process(es) to end or delete the lock file with `pulumi cancel`."
            ),
            "one was killed and has left its lock",
            "pulumi cancel --stack STACK",
        ),
        (
            (
                "error: the current deployment has 1 resource(s) with pending operations:\n"
                "  * urn:pulumi:x::y::t::n, interrupted while creating"
            ),
            "killed while something was made",
            "pulumi refresh --clear-pending-creates",
        ),
        (
            "error: no resource plugin 'pulumi-resource-gcp' found in the workspace at version",
            "a plugin of the engine",
            "pulumi install",
        ),
        ("error: failed to load language plugin python: no language plugin", "a plugin", "install"),
        (
            "error: failed to decrypt encrypted configuration value: incorrect passphrase",
            "passphrase",
            "PULUMI_CONFIG_PASSPHRASE",
        ),
        (
            "error: PULUMI_ACCESS_TOKEN must be set for login during non-interactive CLI sessions",
            "nobody is logged in",
            "pulumi login",
        ),
        (
            (
                "error: could not create secrets manager for new stack: passphrase must be set with"
                " PULUMI_CONFIG_PASSPHRASE or PULUMI_CONFIG_PASSPHRASE_FILE environment variables"
            ),
            "passphrase",
            "--secrets-provider gcpkms://",
        ),
        (
            (
                "error: --yes or --skip-preview or --preview-only must be passed in to proceed when"
                " running in non-interactive mode"
            ),
            "Pulumi cannot ask",
            "pulumi up --yes",
        ),
        ("error: no stack named 'secundus' found", "no such stack", "pulumi stack init"),
        (
            "error: resource urn:x cannot be deleted\nbecause it is protected. To unprotect it",
            "`protect` in the configuration",
            "config rm",
        ),
    ],
)
def test_what_the_engine_says_before_any_resource_is_explained(
    text: str, when: str, fix: str
) -> None:
    """There is no heading, and no stack's name."""
    (found,) = explained(text.encode())
    assert when in found.when
    assert fix in found.fix
    assert found.resource == ""


def test_several_causes_come_in_the_order_of_the_output() -> None:
    """Each once, also from the coloured output of a terminal."""
    messages = list(MESSAGES)
    second = (
        output(messages[8]).decode().partition("Diagnostics:\n")[2].replace("(secundus-w", "(b")
    )
    text = output(messages[1]).decode().replace("\n\n  pulumi:pulumi:Stack", "\n" + second, 1)
    coloured = text.replace("error:", "\x1b[31merror:\x1b[0m").replace("\n", "\r\n")
    found = explained(coloured.encode())
    assert [each.when[:20] for each in found] == ["an organization poli", "there were more requ"]


@pytest.mark.parametrize(
    ("first", "stack"),
    [
        ("Updating (primus):", "primus"),
        ("Destroying (acme/confidential-inference/secundus-prod):", "secundus-prod"),
        ("Previewing update (dev):", "dev"),
        ("nothing of this", "STACK"),
    ],
)
def test_the_commands_are_for_the_stack_of_the_output(first: str, stack: str) -> None:
    """As the engine names it in its first line."""
    assert stack_of(f"{first}\n\nerror: x\n") == stack


@pytest.mark.parametrize(
    "text",
    [
        "",
        "Updating (primus):\nResources:\n    12 unchanged\n",
        "Diagnostics:\n  pulumi:pulumi:Stack (p):\n    error: region: got 'mars'\n",
        "error: update failed",
    ],
    ids=["nothing", "success", "the program's own", "the summary alone"],
)
def test_what_is_not_known_is_said(text: str) -> None:
    """It guesses nothing."""
    with pytest.raises(
        UnknownError,
        match=r"nothing in this output is known.* pulumi up --yes --stack STACK 2>&1 \| tee",
    ):
        explained(text.encode())


def test_a_message_of_unknown_origin_controls_no_terminal() -> None:
    """Names and messages come from others."""
    (found,) = explained(output("Quota 'N2D\u202e_CPUS' exceeded \x1b]0;x\x07 QUOTA_EXCEEDED"))
    assert "\x1b" not in found.message
    assert "\u202e" not in found.message


@pytest.mark.parametrize("table", [GOOGLE, PULUMI], ids=["Google", "Pulumi"])
def test_every_pattern_and_cure_is_well_formed(table: tuple[tuple[str, object], ...]) -> None:
    """A brace names a group of its pattern, or the stack."""
    for pattern, cause in table:
        groups = {*re.compile(pattern).groupindex, "stack", "api"}
        named = set(re.findall(r"\{(\w*)\}", f"{cause.when}{cause.fix}"))  # type: ignore[attr-defined]
        assert named <= groups, pattern


def test_the_command_prints_what_was_said_and_the_cure(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """And that nothing of the update is lost."""
    path = tmp_path / "up.log"
    path.write_bytes(output("Quota 'N2D_CPUS' exceeded.  Limit: 0.0 in region us-west1."))
    assert main(["explain", str(path)]) == OK
    printed = capsys.readouterr().out
    assert "gcp:compute:Instance secundus-workload\n  said: error:" in printed
    assert "cured by: an owner of the project" in printed
    assert "is in the state, and stays" in printed
    assert main(["explain", str(path), "--json"]) == OK
    (found,) = json.loads(capsys.readouterr().out)
    assert set(found) == {"resource", "message", "when", "whose", "fix"}


@pytest.mark.parametrize("name", ["nowhere.log", "-"])
def test_nothing_to_explain_is_an_error(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    """No such file, or an empty one."""
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(b"")))
    assert main(["explain", name]) == UNUSABLE
    assert capsys.readouterr().err.startswith("error: ")
