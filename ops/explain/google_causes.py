"""What Google's APIs refuse, in their sentences, and the cure.

No document lists these sentences. Where a public issue or a page shows one, its link stands above
it; the others were not seen by this project, but in the answers of its local cloud.
docs/errors.md is generated from this table: `python -m ops.error_table`.
"""

from __future__ import annotations

from typing import Final

from ops.explain.cause import UpdateCause, Whose

POLICIES: Final = (
    "https://docs.cloud.google.com/resource-manager/docs/organization-policy/org-policy-constraints"
)


def _organization(when: str, fix: str) -> UpdateCause:
    return UpdateCause(when=when, whose=Whose.ORGANIZATION, fix=fix)


def _owner(when: str, fix: str) -> UpdateCause:
    return UpdateCause(when=when, whose=Whose.OWNER, fix=fix)


def _deployer(when: str, fix: str) -> UpdateCause:
    return UpdateCause(when=when, whose=Whose.DEPLOYER, fix=fix)


def _google(when: str, fix: str) -> UpdateCause:
    return UpdateCause(when=when, whose=Whose.GOOGLE, fix=fix)


_AGAIN: Final = "pulumi up --stack {stack}"

GOOGLE: Final[tuple[tuple[str, UpdateCause], ...]] = (
    # https://github.com/terraform-google-modules/terraform-example-foundation/issues/1454
    (
        (
            r"do not belong to a permitted customer|constraints/iam\.allowedPolicyMemberDomains"
            r"|constraints/iam\.managed\.allowedPolicyMembers"
        ),
        _organization(
            "an organization policy allows members of some organizations only, and a grant names"
            " one of another: in Primus' project, the accounts of Secundus' project",
            "allow Secundus' organization in constraints/iam.allowedPolicyMemberDomains of this"
            f" project: {POLICIES}",
        ),
    ),
    # https://docs.cloud.google.com/iam/docs/manage-workload-identity-pools-providers
    (
        (
            r"[Oo]rg(anization)? [Pp]olicy violated for value"
            r"|constraints/iam\.workloadIdentityPoolProviders"
        ),
        _organization(
            "an organization policy lists the issuers that identity providers may have",
            "allow https://confidentialcomputing.googleapis.com/ in"
            f" constraints/iam.workloadIdentityPoolProviders of this project: {POLICIES}",
        ),
    ),
    # https://github.com/GoogleCloudPlatform/gce-rescue/pull/137
    (
        r"constraints/compute\.trustedImageProjects",
        _organization(
            "an organization policy lists the projects whose boot images may be used",
            "allow projects/confidential-space-images in constraints/compute.trustedImageProjects"
            f" of this project: {POLICIES}",
        ),
    ),
    (
        r"constraints/gcp\.resourceLocations",
        _organization(
            "an organization policy lists the places in which resources may be",
            "choose a region that it allows, before anything is deployed: pulumi config set --stack"
            " {stack} region REGION",
        ),
    ),
    (
        r"constraints/(?P<constraint>[a-zA-Z]+(?:\.[a-zA-Z]+)+)",
        _organization(
            "the organization policy {constraint} forbids it",
            f"make an exception for this project: {POLICIES}",
        ),
    ),
    (
        (
            r"BILLING_DISABLED|[Bb]illing (?:account|must be).{0,80}(?:disabled|enabled|closed)"
            r"|requires billing to be enabled|billing account for the owning project is disabled"
        ),
        _owner(
            "the project has no open billing account",
            "link one: gcloud billing projects link PROJECT --billing-account ACCOUNT",
        ),
    ),
    (
        (
            r"has not been used in project (?P<project>[\w-]+) before or it is disabled"
            r"(?:.{0,200}?apis/api/(?P<api>[a-z]+\.googleapis\.com))?"
        ),
        _owner(
            "an API is off, or it was switched on a moment ago and not every system of Google's"
            " knows",
            "if it is not on yet: gcloud services enable {api} --project {project}. Minutes later:"
            f" {_AGAIN}",
        ),
    ),
    # https://github.com/hashicorp/terraform-provider-google/issues/9240
    (
        r"Quota '(?P<quota>[\w.-]+)' exceeded|QUOTA_EXCEEDED",
        _owner(
            "the project's quota {quota} is used up: of N2D_CPUS and its like, often 0 in a new"
            " project",
            "ask for more (https://console.cloud.google.com/iam-admin/quotas), or take another"
            " region or machine type: pulumi config set --stack {stack} machineType TYPE",
        ),
    ),
    (
        (
            r"Quota exceeded for quota metric|rateLimitExceeded"
            r"|RATE_LIMIT_EXCEEDED|Error 429"
        ),
        _google(
            "there were more requests in a minute than Google answers", f"wait, then: {_AGAIN}"
        ),
    ),
    # https://docs.cloud.google.com/compute/docs/troubleshooting/troubleshooting-resource-availability
    # https://github.com/GoogleCloudPlatform/ai-on-gke/issues/849
    (
        (
            r"ZONE_RESOURCE_POOL_EXHAUSTED|does not have enough resources available to fulfill"
            r"|VM instance is currently unavailable in the [\w-]+ zone"
        ),
        _google(
            "the zone has no such machine left now",
            "try later, or another zone of the region; only the machine moves: pulumi config set"
            f" --stack {{stack}} zone ZONE && {_AGAIN}",
        ),
    ),
    (
        (
            r"[Mm]achine type with name '[\w-]+' does not exist in zone '[\w-]+'"
            r"|Invalid value for field 'resource\.machineType'"
        ),
        _deployer(
            "the zone has no machines of this type",
            "take another zone, or another type that supports SEV or TDX: gcloud compute"
            " machine-types list --filter zone=ZONE",
        ),
    ),
    (
        r"'projects/confidential-space-images/global/images/(?P<image>[\w-]+)' was not found",
        _deployer(
            "there is no Confidential Space image called {image}, or no longer",
            "take the newest: gcloud compute images list --project confidential-space-images"
            " --no-standard-images --filter family=confidential-space; then: pulumi config set"
            " --stack {stack} confidentialSpaceImage"
            " projects/confidential-space-images/global/images/NAME",
        ),
    ),
    # https://github.com/pulumi/pulumi-gcp/issues/1149
    (
        r"[Ww]orkloadIdentityPool.{0,200}Error 409: Requested entity already exists",
        _deployer(
            "the id of an identity pool or provider is taken, or reserved for 30 days after its"
            " deletion",
            "if it exists and is yours, take it over: docs/existing-resources.md. If it was"
            " deleted: gcloud iam workload-identity-pools undelete POOL --location global, then"
            " take it over. Or: pulumi config set --stack {stack} --path names.pool NAME",
        ),
    ),
    (
        r"requested bucket name is not available|bucket namespace is shared by all users",
        _deployer(
            "a bucket of this name exists, perhaps of somebody else: all buckets of the world"
            " share their names",
            "choose another name under `names`: pulumi config set --stack {stack} --path"
            " names.modelBucket NAME (inputBucket, resultBucket)",
        ),
    ),
    (
        (
            r"Error 409:.{0,200}/(?:instances|firewalls|instanceGroupManagers|autoscalers)/\S+"
            r" already exists|Resource already exists in the project \(resource="
        ),
        _deployer(
            "a machine or firewall rule, or a topic, subscription, group or autoscaler of a fleet"
            " of this name exists already, and no stack can take it over: somebody else made it, or"
            " an update that was killed before it could say so",
            "if it is this stack's, delete it by the command that .venv/bin/confidential-inference"
            f" leftovers --stack {{stack}} prints for it, then: {_AGAIN}; else choose another name"
            " under `names`",
        ),
    ),
    (
        r"Error 409:.{0,200}(?:[Aa]lready exists|you already own it)|alreadyExists",
        _deployer(
            "something of this name exists already, and the stack does not know it: somebody else"
            " made it, or an update that was killed before it could say so",
            "have the stack take it over (docs/operations.md#when-something-fails): pulumi config"
            " set --stack {stack} --path 'adopt[0]' KEY; or choose another name under `names`",
        ),
    ),
    (
        (
            r"[Ee]rror trying to delete bucket \S+ (?:containing objects )?without"
            r"|bucket you tried to delete (?:is|was) not empty"
        ),
        _deployer(
            "a bucket holds objects that the stack did not put there, such as results",
            "copy what you need, then: .venv/bin/confidential-inference empty --stack {stack} &&"
            " pulumi destroy --stack {stack}",
        ),
    ),
    # https://github.com/hashicorp/terraform-provider-google/issues/15042
    (
        r"[Ss]ervice account \S+ does not exist",
        _google("Google's systems do not all know a new account yet", f"a minute later: {_AGAIN}"),
    ),
    (
        r"concurrent policy changes",
        _deployer(
            "somebody else changed the same policy at the same moment",
            f"nothing is lost: {_AGAIN}",
        ),
    ),
    # https://github.com/DefangLabs/pulumi-defang/issues/370
    # https://docs.cloud.google.com/compute/docs/reference/rest/v1/instanceGroupManagers
    (
        r"Invalid fingerprint|conditionNotMet",
        _deployer(
            "it changed since the stack read it last: autoscalers change the groups of a fleet",
            "read it again: pulumi up --refresh --stack {stack}",
        ),
    ),
    # https://github.com/hashicorp/terraform/issues/21865
    # https://github.com/hashicorp/terraform-provider-google/issues/10365
    (
        r"instance_template resource \S+ is already being used by \S*instanceGroupManagers",
        _google(
            "a group of the fleet still replaces, or shuts down, machines of the template before",
            f"wait some minutes, delete nothing, then: {_AGAIN}",
        ),
    ),
    (
        r"is already being used by|resourceInUseByAnotherResource",
        _deployer(
            "something that the stack does not know uses what is to be deleted, such as a machine"
            " in its network",
            "delete that first; the message names it",
        ),
    ),
    # A permission comes late: the sentences above can name one, too.
    # https://docs.cloud.google.com/iam/docs/troubleshoot-policies
    (
        (
            r"[Pp]ermission '?(?P<permission>[a-z]+(?:\.[a-zA-Z]+){2,})'? denied"
            r"|Required '(?P<required>[a-z]+(?:\.[a-zA-Z]+){2,})' permission"
            r"|does not have (?P<access>storage(?:\.[a-zA-Z]+){2}) access"
            r"|The caller does not have permission"
        ),
        _owner(
            "whoever deploys has not the permission {permission}{required}{access}, or got it a"
            " moment ago",
            "grant the roles of docs/first-deployment.md#roles on the company's own"
            f" project. Minutes later: {_AGAIN}. To attach the machine's account (actAs): name"
            " whoever deploys under `operators` of stack secundus",
        ),
    ),
    # https://docs.cloud.google.com/docs/authentication/troubleshoot-adc
    (
        (
            r"could not find default credentials|invalid_grant|invalid_rapt"
            r"|[Rr]eauthentication|invalid authentication credentials|Error 401"
        ),
        _deployer(
            "there are no credentials of Google, or they have expired",
            "log in again: gcloud auth application-default login",
        ),
    ),
)
"""Pattern and cause. The first pattern that a message matches explains it."""
