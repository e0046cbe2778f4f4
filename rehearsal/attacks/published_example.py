"""The same target with the release policy of the published example for this use case.

Condition, mapping and binding are those of Google's codelab "Securing ML models and Intellectual
Property using Confidential Space"; everything else, the image's labels too, stays as it is deployed
here, which is more than the example has.
https://codelabs.developers.google.com/codelabs/secure-ml-model-confidential-space
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from infra.attestation.clause import quoted
from rehearsal.attacks.image_editions import store

if TYPE_CHECKING:
    from rehearsal.attacks.deployment import Target

TAG = "latest"


def published(target: Target) -> Target:
    """A copy with the example's release policy, and a machine that launches by tag, as in it."""
    there = target.copy()
    image = there.published()
    store(there.repository, image, TAG)
    reference = there.handover["image"].partition("@")[0] + f":{TAG}"
    account = str(there.machine.service_account)
    provider = there.provider
    provider.doc["attributeCondition"] = (
        "assertion.swname == 'CONFIDENTIAL_SPACE'"
        " && 'STABLE' in assertion.submods.confidential_space.support_attributes"
        f" && assertion.submods.container.image_digest == {quoted(image.digest)}"
        f" && assertion.submods.container.image_reference == {quoted(reference)}"
        f" && {quoted(account)} in assertion.google_service_accounts"
    )
    # A CEL literal, not the claim: every workload gets the one subject "assertion.sub".
    provider.doc["attributeMapping"] = {"google.subject": "'assertion.sub'"}
    there.reader.policy.bindings = [
        {
            "role": "roles/iam.workloadIdentityUser",
            "members": [f"principalSet://iam.googleapis.com/{provider.pool}/*"],
        }
    ]
    for item in there.machine.doc["metadata"]["items"]:
        if item["key"] == "tee-image-reference":
            item["value"] = reference
    there.claims["submods"]["container"]["image_reference"] = reference
    there.presented = []
    return there
