"""Writes two projects into the local cloud's state, as the two stacks would have deployed them.

Without Pulumi, so that a measurement needs no engine; with a condition that admits any Confidential
Space, because the release is not what is measured here.
"""

from __future__ import annotations

import base64
import hashlib
from typing import TYPE_CHECKING

import google_crc32c

from bench.subjects import TREE
from rehearsal.cloud.confidential_space.claims import AUDIENCE
from rehearsal.cloud.confidential_space.token_issuer import ISSUER
from rehearsal.cloud.state import (
    Bucket,
    Cloud,
    Instance,
    Json,
    Policy,
    Pool,
    Provider,
    Repository,
    ServiceAccount,
    StoredObject,
    Subscription,
)
from rehearsal.companies import COMPANIES, two_companies
from rehearsal.image_builder.dockerfile import build
from rehearsal.image_builder.oci import MANIFEST

if TYPE_CHECKING:
    from collections.abc import Mapping

PRIMUS, SECUNDUS = (COMPANIES[name] for name in ("primus", "secundus"))
READER = f"primus-sa@{PRIMUS.project}.iam.gserviceaccount.com"
WORKLOAD = f"workload-sa@{SECUNDUS.project}.iam.gserviceaccount.com"
POOL = f"projects/{PRIMUS.project_number}/locations/global/workloadIdentityPools/bench"
PROVIDER = f"{POOL}/providers/bench"
SUBNET = f"projects/{SECUNDUS.project}/regions/us-west1/subnetworks/bench"
IMAGE = f"us-west1-docker.pkg.dev/{PRIMUS.project}/bench/workload:bench"
REPOSITORY = f"projects/{PRIMUS.project}/locations/us-west1/repositories/bench"
TAG = ("workload", "bench")
BOOT = "projects/confidential-space-images/global/images/confidential-space-260900"
MODELS, PICTURES, RESULTS = "bench-models", "bench-pictures", "bench-results"
TOPIC = f"projects/{SECUNDUS.project}/topics/bench"
SUBSCRIPTION = f"projects/{SECUNDUS.project}/subscriptions/bench"
MODEL = "model.tar.gz"


def cloud_with_projects() -> Cloud:
    """A local cloud with both projects, an image and no objects."""
    cloud = Cloud()
    two_companies(cloud)
    everybody = f"principalSet://iam.googleapis.com/{POOL}/*"
    for email, project, may_act in (
        (READER, PRIMUS.project, _policy("roles/iam.workloadIdentityUser", everybody)),
        (WORKLOAD, SECUNDUS.project, Policy()),
    ):
        account = ServiceAccount(email, project, {"email": email}, policy=may_act)
        cloud.service_accounts[email] = account
    for name, project, role, who in (
        (MODELS, PRIMUS.project, "roles/storage.objectViewer", READER),
        (PICTURES, SECUNDUS.project, "roles/storage.objectViewer", WORKLOAD),
        (RESULTS, SECUNDUS.project, "roles/storage.objectUser", WORKLOAD),
    ):
        meta: Json = {
            "storageClass": "STANDARD",
            "iamConfiguration": {"publicAccessPrevention": "enforced"},
        }
        cloud.buckets[name] = Bucket(name, project, meta, _policy(role, f"serviceAccount:{who}"))
    _federate(cloud)
    _publish(cloud)
    doc: Json = {"topic": TOPIC, "ackDeadlineSeconds": 60}
    granted = _policy("roles/pubsub.subscriber", f"serviceAccount:{WORKLOAD}")
    cloud.subscriptions[SUBSCRIPTION] = Subscription(SUBSCRIPTION, SECUNDUS.project, doc, granted)
    return cloud


def _policy(role: str, member: str) -> Policy:
    return Policy([{"role": role, "members": [member]}])


def _federate(cloud: Cloud) -> None:
    cloud.pools[POOL] = Pool(POOL, PRIMUS.project, {})
    doc: Json = {
        "attributeCondition": "assertion.swname == 'CONFIDENTIAL_SPACE'",
        "attributeMapping": {"google.subject": "assertion.submods.gce.instance_id"},
        "oidc": {"issuerUri": ISSUER, "allowedAudiences": [AUDIENCE]},
    }
    cloud.providers[PROVIDER] = Provider(PROVIDER, POOL, doc)
    project = cloud.projects[SECUNDUS.project]
    project.services |= {"confidentialcomputing.googleapis.com", "pubsub.googleapis.com"}
    project.policy.bindings += _policy(
        "roles/confidentialcomputing.workloadUser", f"serviceAccount:{WORKLOAD}"
    ).bindings
    cloud.networking[SUBNET] = {"privateIpGoogleAccess": True}


def _publish(cloud: Cloud) -> None:
    """Builds the image of this tree's workload and puts it into Primus' repository."""
    folder = TREE / "workload"
    image = build(folder, folder / "Dockerfile", {"SOURCE_DATE_EPOCH": "0"})
    cloud.repositories[REPOSITORY] = Repository(
        REPOSITORY,
        PRIMUS.project,
        {},
        _policy("roles/artifactregistry.reader", f"serviceAccount:{WORKLOAD}"),
        dict(image.blobs),
        {image.digest: (MANIFEST, image.manifest)},
        {TAG: image.digest},
    )


def image_digest(cloud: Cloud) -> str:
    """Of the image in Primus' repository."""
    return cloud.repositories[REPOSITORY].tags[TAG]


def fill(cloud: Cloud, bucket: str, contents: Mapping[str, bytes]) -> None:
    """Replaces all objects of a bucket; several names may have the same bytes."""
    sums: dict[int, tuple[str, str]] = {}
    objects = cloud.buckets[bucket].objects
    objects.clear()
    for generation, (name, data) in enumerate(contents.items(), 1):
        if id(data) not in sums:
            md5 = hashlib.md5(data, usedforsecurity=False).digest()
            crc32c = google_crc32c.value(data).to_bytes(4, "big")
            sums[id(data)] = base64.b64encode(md5).decode(), base64.b64encode(crc32c).decode()
        md5_hash, crc32c_hash = sums[id(data)]
        meta: Json = {
            "kind": "storage#object",
            "name": name,
            "bucket": bucket,
            "generation": f"{generation}",
            "metageneration": "1",
            "size": f"{len(data)}",
            "etag": f"C{generation}=",
            "contentType": "application/octet-stream",
            "storageClass": "STANDARD",
            "md5Hash": md5_hash,
            "crc32c": crc32c_hash,
        }
        objects[name] = StoredObject(meta, data)


def machine(model_sha256: str, *, of_fleet: bool = False) -> Instance:
    """The machine that Secundus' stack would declare, alone or in a fleet."""
    metadata = {
        "tee-image-reference": IMAGE,
        "tee-env-MODEL_URI": f"gs://{MODELS}/{MODEL}",
        "tee-env-MODEL_SHA256": model_sha256,
        "tee-env-MODEL_AUDIENCE": f"//iam.googleapis.com/{PROVIDER}",
        "tee-env-MODEL_READER": READER,
        "tee-env-INPUT_URI": f"gs://{PICTURES}",
        "tee-env-RESULT_URI": f"gs://{RESULTS}",
        **({"tee-env-SUBSCRIPTION": SUBSCRIPTION} if of_fleet else {}),
    }
    doc: Json = {
        "status": "RUNNING",
        "disks": [{"boot": True, "initializeParams": {"sourceImage": BOOT}}],
        "serviceAccounts": [{"email": WORKLOAD}],
        "networkInterfaces": [{"subnetwork": f"https://www.googleapis.com/compute/v1/{SUBNET}"}],
        "confidentialInstanceConfig": {"confidentialInstanceType": "SEV"},
        "shieldedInstanceConfig": {"enableSecureBoot": True},
        "metadata": {"items": [{"key": key, "value": at} for key, at in metadata.items()]},
    }
    return Instance("4711", SECUNDUS.project, "us-west1-b", "bench", doc)
