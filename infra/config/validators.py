"""The rule of each kind of configured text: its pattern, and the words of an error.

`settings` says which key follows which rule.
"""

from __future__ import annotations

from typing import Final

from infra import naming
from infra.attestation import policy_values
from infra.config import machine_types
from infra.config.problems import Rule

PROJECT: Final = Rule(
    pattern=naming.PROJECT_ID,
    expected="a project id: 6 to 30 of a-z, 0-9 and -",
    consequence="no resource could be placed; nothing falls back to the project gcloud last used",
    example="my-project",
)
NUMBER: Final = Rule(
    pattern=naming.PROJECT_NUMBER,
    expected="a project number: digits, as in"
    " `gcloud projects describe PROJECT --format='value(projectNumber)'`",
    consequence="the attestation token names projects by number, so nothing would ever match",
    example="123456789012",
)
REGION: Final = Rule(
    pattern=naming.REGION,
    # Google keeps buckets and images in a multi-region too, but no machine and no subnet.
    expected="a region, such as us-west1, and not a multi-region such as us",
    consequence="Google would refuse every resource of it",
    example="us-west1",
)
PLACE: Final = Rule(
    pattern=f"{naming.REGION}(-[a-z])?",
    expected="a region or a zone, such as us-west1 or us-west1-b",
    consequence="no region or zone could be meant by it",
    example="us-west1",
)
LOCATION: Final = Rule(
    pattern=naming.LOCATION,
    expected="a region, such as us-west1, or a multi-region: us, europe or asia",
    consequence="Google would refuse every resource of it",
    example="us-west1",
)
DIGEST: Final = Rule(
    pattern=r"(?!sha256:0{64})" + naming.DIGEST,  # the example's own, pasted as it is told
    expected="'sha256:' and 64 hex digits: the digest of an image, never a tag",
    consequence="a tag can be moved to other code; only a digest says which code is meant",
    example="sha256:" + "0" * 64,
)
HASH: Final = Rule(
    pattern=r"(?!0{64})" + naming.SHA256,
    expected="64 hex digits: the SHA-256 of a model archive",
    consequence="no model could ever match it",
    example="0" * 64,
)
PATH: Final = Rule(
    pattern=r"[^\0\n]+",
    expected="a path, relative to the folder of Pulumi.yaml",
    consequence="the file could not be read",
    example="model/model.tar.gz",
)
RUN: Final = Rule(
    # It is a value of the machine's metadata, and nothing but a change of it counts.
    pattern=r"[^\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]{1,200}",
    expected="up to 200 characters in one line, such as a date",
    consequence="Google would refuse the machine's metadata, or nobody could see what was changed",
    example="2",
)
LABEL_KEY: Final = Rule(
    pattern=naming.LABEL_KEY,
    expected="a label key: a-z, then up to 62 of a-z, 0-9, _ and -",
    consequence="Google would refuse every labelled resource",
    example="team",
)
MAX_LABELS: Final = 63
"""Google takes 64 on a resource, and the provider puts goog-pulumi-provisioned on each:
https://docs.cloud.google.com/compute/docs/labeling-resources#restrictions"""
LABEL_VALUE: Final = Rule(
    pattern=naming.LABEL_VALUE,
    expected="a label value: up to 63 of a-z, 0-9, _ and -",
    consequence="Google would refuse every labelled resource",
    example="vision",
)
ZONE: Final = Rule(
    pattern=naming.ZONE,
    expected="a zone, such as us-west1-b",
    consequence="Google would refuse the machine",
    example="us-west1-b",
)
SERVICE_ACCOUNT: Final = Rule(
    pattern=naming.SERVICE_ACCOUNT,
    expected="the e-mail address of a service account",
    consequence="no token carries such an account, so nobody would be admitted",
    example="workload-sa@my-project.iam.gserviceaccount.com",
)
MEMBER: Final = Rule(
    # Not allUsers, not a domain: acting as the workload's account is reading every picture.
    # And no account of a project as a user or a group: Google knows of which kind each address is.
    pattern=r"((user|group):(?!.*\.gserviceaccount\.com)|serviceAccount:)"
    r"[^@\s:]+@[^@\s:]+\.[^@\s:]+",
    expected="user:, group: or serviceAccount: and an e-mail address of that kind",
    consequence="Google would refuse the grant, and the virtual machine waits for it",
    example="user:you@example.com",
)
HARDWARE: Final = Rule(
    pattern="|".join(policy_values.HARDWARE),
    expected="one of " + ", ".join(policy_values.HARDWARE),
    consequence="either no token ever says so, or memory would not be encrypted by hardware",
    example=policy_values.HARDWARE[0],
)
PROTECT_PRIMUS: Final = Rule(
    pattern="modelBucket|pool",
    expected="modelBucket or pool",
    consequence="what you meant to protect could be deleted",
    example="modelBucket",
)
PROTECT_SECUNDUS: Final = Rule(
    pattern="resultBucket",
    expected="resultBucket",
    consequence=PROTECT_PRIMUS.consequence,
    example="resultBucket",
)
IMAGE: Final = Rule(
    pattern=naming.IMAGE_REFERENCE,
    expected="an image reference by digest: HOST/PATH@sha256: and 64 hex digits, never a tag",
    consequence="a tag can be moved to other code between preview and boot",
    example="us-west1-docker.pkg.dev/my-project/my-repo/workload@sha256:" + "0" * 64,
)
CONFIDENTIAL_SPACE: Final = Rule(
    # Not a family: going from the debug family to the production one is no difference to the
    # provider (the name contains it), so a machine would silently stay on the debug image. And not
    # debug or preview: their tokens fail the release condition.
    pattern=r"projects/confidential-space-images/global/images/"
    r"confidential-space-(?!.*(debug|preview))[a-z0-9-]*[0-9]",
    expected="the full name of a production image, as listed by `gcloud compute images list"
    " --project confidential-space-images --no-standard-images"
    " --filter family=confidential-space --uri`, from 'projects/' on",
    consequence="a family moves under a running machine, and a debug image is never given the"
    " model",
    example="projects/confidential-space-images/global/images/confidential-space-260900",
)
CONFIDENTIAL_TYPE: Final = Rule(
    pattern="|".join(machine_types.CONFIDENTIAL_TYPES),
    expected=" or ".join(machine_types.CONFIDENTIAL_TYPES),
    consequence="Google would refuse the machine",
    consequences=machine_types.WITHOUT_TOKEN,
    example=machine_types.CONFIDENTIAL_TYPES[0],
)
FORCE_DESTROY: Final = Rule(
    pattern="true|false",
    expected="true or false",
    consequence="it would be unclear whether stored objects may be destroyed",
    example="false",
)
STACK: Final = Rule(
    pattern=r"([A-Za-z0-9_.-]+/){0,2}[A-Za-z0-9_.-]+",
    expected="a stack: ORGANIZATION/PROJECT/STACK",
    consequence="what Primus published could not be found",
    example="organization/confidential-inference/primus",
)


def _name(pattern: str, expected: str, example: str) -> Rule:
    return Rule(
        pattern=pattern,
        expected=expected,
        consequence="Google would refuse the name in the middle of an update",
        example=example,
    )


FREE_NAME: Final = Rule(
    # With it, the default id of an operator's reader has at most 30 characters.
    pattern=r"[a-z]([a-z0-9-]{0,21}[a-z0-9])?",
    expected="a name of your own: a-z, then up to 22 of a-z, 0-9 and -",
    consequence="it ends the names of resources, and Google would refuse them",
    example="acme",
)
SECONDS: Final = Rule(
    pattern="0|[1-9][0-9]{0,2}",
    expected="a whole number of seconds from 0 to 999",
    consequence="it would be unclear how long an update waits",
    example="120",
)
DAYS: Final = Rule(
    pattern="|0|[1-9][0-9]{0,3}",
    expected="a whole number of days from 0 to 9999",
    consequence="it would be unclear how long former results are kept",
    example="90",
)
STOPPED: Final = Rule(
    pattern="true|false",
    expected="true or false",
    consequence="it would be unclear who is admitted",
    example="true",
)
OPERATORS: Final = Rule(
    pattern="",
    expected="an object for each operator, under a name of your own: project, projectNumber and"
    " more",
    consequence="nobody of it would be admitted",
    example="",
)
MODELS: Final = Rule(
    pattern="",
    expected="an object for each model, under a name of your own: archive and manifest",
    consequence="nobody could be given the model",
    example="",
)
BUCKET: Final = _name(
    naming.BUCKET, "a bucket name: 3 to 63 of a-z, 0-9, _ and -, without 'google'", "my-bucket"
)
ACCOUNT: Final = _name(
    naming.ACCOUNT_ID, "a service account id: 6 to 30 of a-z, 0-9 and -", "my-account"
)
POOL: Final = _name(
    # `existing_keys` refuses a whole id where it is to be the first part of one.
    f"{naming.POOL_PREFIX}|{naming.POOL_ID}",
    "the first part of a pool id, before its suffix: 1 to 25 of a-z, 0-9 and -, not 'gcp'",
    "my-pool",
)
PROVIDER: Final = _name(
    naming.POOL_ID, "an id: 4 to 32 of a-z, 0-9 and -, not beginning with 'gcp-'", "my-provider"
)
REPOSITORY: Final = _name(
    naming.REPOSITORY_ID, "a repository id: a-z, then up to 62 of a-z, 0-9 and -", "my-repo"
)
MACHINE_TYPE: Final = _name(
    naming.COMPUTE_NAME, "a machine type such as n2d-standard-2", "n2d-standard-2"
)
COMPUTE_NAME: Final = _name(
    naming.COMPUTE_NAME, "a name: a-z, then up to 62 of a-z, 0-9 and -", "my-name"
)
GROUP: Final = _name(naming.GROUP, "a name of at most 36: a-z, then a-z, 0-9 and -", "my-fleet")
MESSAGES: Final = _name(
    naming.MESSAGES, "a name: a-z, then 3 to 62 of a-z, 0-9 and -, not 'goog' first", "my-topic"
)
