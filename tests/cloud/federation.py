"""Primus' pool, provider and model in a local cloud, and a token that they admit."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

import requests
from google.auth import identity_pool
from google.cloud import storage

from rehearsal.cloud.confidential_space.token_issuer import ISSUER, Issuer
from rehearsal.cloud.state import Bucket, Pool, Provider, StoredObject
from rehearsal.cloud.sts import EXCHANGE

if TYPE_CHECKING:
    from pathlib import Path

    from rehearsal.cloud.http.server import LocalCloud
    from rehearsal.cloud.state import Cloud, Json

READER = "primus-sa@primus-models.iam.gserviceaccount.com"
POOL = f"projects/{'1' * 12}/locations/global/workloadIdentityPools/primus-wip"
PROVIDER = f"{POOL}/providers/primus-wip-provider"
AUDIENCE = f"//iam.googleapis.com/{PROVIDER}"
DIGEST = f"sha256:{'a' * 64}"
SUBJECT = f"gcpcs::{DIGEST}::{'2' * 12}::123456789"
MEMBER = f"principal://iam.googleapis.com/{POOL}/subject/{SUBJECT}"
BY_DIGEST = f"principalSet://iam.googleapis.com/{POOL}/attribute.image_digest/{DIGEST}"
RFC_8693 = "urn:ietf:params:oauth:token-type:"
GET_ACCESS_TOKEN = "iam.serviceAccounts.getAccessToken"  # noqa: S105  a permission
CONDITION = (
    "assertion.swname == 'CONFIDENTIAL_SPACE'"
    " && 'STABLE' in assertion.submods.confidential_space.support_attributes"
    f" && attribute.image_digest == '{DIGEST}'"
)
DEPLOYED: Json = {
    "attributeCondition": CONDITION,
    "attributeMapping": {
        "google.subject": '"gcpcs::" + assertion.submods.container.image_digest + "::" + '
        'assertion.submods.gce.project_number + "::" + assertion.submods.gce.instance_id',
        "attribute.image_digest": "assertion.submods.container.image_digest",
    },
    # With a slash at the end, as in the published example; the token's claim has none.
    "oidc": {"issuerUri": ISSUER + "/", "allowedAudiences": ["https://sts.googleapis.com"]},
}


class Federation:
    """Primus' pool and provider in a local cloud, and a token that they admit."""

    def __init__(self, local: LocalCloud) -> None:
        self.cloud: Cloud = local.cloud
        self.issuer: Issuer = local.issuer
        self.pool = self.cloud.pools[POOL] = Pool(POOL, "primus-models", {})
        doc = copy.deepcopy(DEPLOYED)
        self.provider = self.cloud.providers[PROVIDER] = Provider(PROVIDER, POOL, doc)
        now = int(self.cloud.now())
        self.claims: Json = {
            "iss": ISSUER,
            "aud": "https://sts.googleapis.com",
            "iat": now,
            "nbf": now,
            "exp": now + 3600,
            "swname": "CONFIDENTIAL_SPACE",
            "submods": {
                "confidential_space": {"support_attributes": ["LATEST", "STABLE", "USABLE"]},
                "container": {"image_digest": DIGEST},
                "gce": {"project_number": "2" * 12, "instance_id": "123456789"},
            },
        }

    def exchange(self, token: str | None = None, **overrides: str) -> requests.Response:
        """A token exchange with the parameters of google-auth."""
        form = {
            "grant_type": "urn:ietf:params:oauth:grant-type:token-exchange",
            "audience": AUDIENCE,
            "scope": "https://www.googleapis.com/auth/iam",
            "requested_token_type": RFC_8693 + "access_token",
            "subject_token": token or self.issuer.sign(self.claims),
            "subject_token_type": RFC_8693 + "jwt",
        }
        url = "https://sts.googleapis.com/v1/token"
        return requests.post(url, form | overrides, timeout=10)

    def refused(self, error: str, description: str, token: str | None = None, **form: str) -> None:
        """Assert that the exchange is refused with this code and text, and logged as refused."""
        answer = self.exchange(token, **form)
        assert answer.json() == {"error": error, "error_description": description}
        assert answer.status_code == 400
        assert [(e.permission, e.allowed) for e in self.cloud.audit] == [(EXCHANGE, False)]
        assert not self.cloud.tokens

    def generate_access_token(self, token: str, **body: Any) -> requests.Response:
        """A call of generateAccessToken for the model's reader."""
        return requests.post(
            f"https://iamcredentials.googleapis.com/v1/projects/-/serviceAccounts/{READER}"
            ":generateAccessToken",
            json={"scope": ["https://www.googleapis.com/auth/cloud-platform"]} | body,
            headers={"Authorization": f"Bearer {token}"},
            timeout=10,
        )

    def grant(self, member: str) -> None:
        """Let a member act as the model's reader."""
        policy = self.cloud.service_accounts[READER].policy
        policy.bindings = [{"role": "roles/iam.workloadIdentityUser", "members": [member]}]

    def model(self, folder: Path) -> storage.Blob:
        """The model, as a client with the workload's own credentials sees it."""
        iam = {"publicAccessPrevention": "enforced"}
        bucket = Bucket("model-bucket", "primus-models", {"iamConfiguration": iam})
        role, member = "roles/storage.objectViewer", f"serviceAccount:{READER}"
        bucket.policy.bindings = [{"role": role, "members": [member]}]
        meta = {
            "generation": "1",
            "metageneration": "1",
            "contentType": "application/gzip",
            "etag": "e",
            "crc32c": "yZRlqg==",
            "md5Hash": "XrY7u+Ae7tCTyyK7j1rNww==",
            "storageClass": "STANDARD",
            "size": "11",
        }
        bucket.objects["model.tar.gz"] = StoredObject(meta, b"hello world")
        self.cloud.buckets[bucket.name] = bucket
        token = folder / "token"
        token.write_text(self.issuer.sign(self.claims))
        credentials = identity_pool.Credentials.from_info(  # type: ignore[no-untyped-call]  # has no types
            {
                "type": "external_account",
                "audience": AUDIENCE,
                "subject_token_type": RFC_8693 + "jwt",
                "token_url": "https://sts.googleapis.com/v1/token",
                "credential_source": {"file": str(token)},
                "service_account_impersonation_url": "https://iamcredentials.googleapis.com/v1/"
                f"projects/-/serviceAccounts/{READER}:generateAccessToken",
            }
        )
        client = storage.Client("primus-models", credentials)
        return client.bucket(bucket.name).blob("model.tar.gz")
