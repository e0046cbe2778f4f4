"""iam.googleapis.com: identity pools and providers, their reserved ids, and their validation."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from rehearsal.cloud.state import RESERVED_SECONDS
from tests.cloud.rest_requests import asker, message

if TYPE_CHECKING:
    from rehearsal.cloud.state import Cloud
    from tests.cloud.rest_requests import Ask

API = "https://iam.googleapis.com/v1/"
BY_ID = "projects/primus-models/locations/global/workloadIdentityPools"
BY_NUMBER = "projects/111111111111/locations/global/workloadIdentityPools"
POOL, PROVIDER = "/primus-wip-1", "/primus-wip-1/providers/primus-wip-provider"
NEW_POOL = "?workloadIdentityPoolId=primus-wip-1"
NEW_PROVIDER = f"{POOL}/providers?workloadIdentityPoolProviderId=primus-wip-provider"
CONDITION = "assertion.swname == 'CONFIDENTIAL_SPACE'"
PROVIDER_BODY = {
    "attributeCondition": CONDITION,
    "attributeMapping": {"google.subject": "assertion.sub"},
    "oidc": {
        "issuerUri": "https://confidentialcomputing.googleapis.com/",
        "allowedAudiences": ["https://sts.googleapis.com"],
    },
}


@pytest.fixture
def ask(cloud: Cloud) -> Ask:
    """Requests by Primus' deployer, who may administer identity pools."""
    role = "iam.workloadIdentityPoolAdmin"
    return asker(cloud, "primus-models", [role], ["iam"], API + BY_ID)


@pytest.fixture
def _pool(ask: Ask) -> None:
    assert ask("POST", NEW_POOL, {"displayName": "Primus"}).status_code == 200


@pytest.fixture
def _provider(ask: Ask, _pool: None) -> None:
    assert ask("POST", NEW_PROVIDER, PROVIDER_BODY).status_code == 200


@pytest.mark.usefixtures("_provider")
def test_the_providers_of_a_pool_are_listed(ask: Ask) -> None:
    """Deleted ones only on request; of an unknown pool there is no list."""
    providers = NEW_PROVIDER.partition("?")[0]
    (listed,) = ask("GET", providers).json()["workloadIdentityPoolProviders"]
    assert listed["state"] == "ACTIVE"
    assert ask("DELETE", f"{providers}/{listed['name'].rpartition('/')[2]}").status_code == 200
    assert ask("GET", providers).json() == {}
    (deleted,) = ask("GET", f"{providers}?showDeleted=true").json()["workloadIdentityPoolProviders"]
    assert deleted["state"] == "DELETED"
    assert ask("GET", providers.replace(POOL, f"{POOL}-other")).status_code == 404


def test_a_pool_is_named_by_project_number(ask: Ask) -> None:
    """The operation is done, can be read again, and holds the pool under its project's number."""
    operation = ask("POST", NEW_POOL, {"displayName": "Primus"}).json()
    assert operation["name"].startswith(f"{BY_NUMBER}{POOL}/operations/")
    assert operation["done"] is True
    assert operation["response"]["name"] == BY_NUMBER + POOL
    read_again = operation["name"].removeprefix(BY_NUMBER)
    assert ask("GET", read_again).json() == operation
    pool = {"name": BY_NUMBER + POOL, "displayName": "Primus", "state": "ACTIVE"}
    assert ask("GET", POOL).json() == pool


@pytest.mark.usefixtures("_provider")
def test_a_provider_is_stored_word_for_word(ask: Ask, cloud: Cloud) -> None:
    """It is read as it was sent, and the token service evaluates that."""
    fixed = {"name": BY_NUMBER + PROVIDER, "state": "ACTIVE"}
    assert ask("GET", PROVIDER).json() == PROVIDER_BODY | fixed
    assert cloud.providers[BY_NUMBER + PROVIDER].doc == PROVIDER_BODY
    assert cloud.providers[BY_NUMBER + PROVIDER].pool == BY_NUMBER + POOL


@pytest.mark.parametrize("pool_id", ["abc", "x" * 33, "Upper-case", "gcp-pool", ""])
def test_a_bad_pool_id_is_refused(ask: Ask, pool_id: str) -> None:
    """A pool id is 4 to 32 lower-case letters, digits and hyphens, and not `gcp-…`."""
    answer = ask("POST", f"?workloadIdentityPoolId={pool_id}", {})
    assert "Invalid workloadIdentityPoolId" in message(answer, 400)


@pytest.mark.usefixtures("_provider")
def test_the_id_of_a_deleted_pool_is_reserved_for_thirty_days(ask: Ask, cloud: Cloud) -> None:
    """The pool shows as deleted; a minute before the 30 days end, its id is still refused."""
    ask("DELETE", POOL)
    assert ask("GET", POOL).json()["state"] == "DELETED"
    cloud.clock_offset = RESERVED_SECONDS - 60
    assert message(ask("POST", NEW_POOL, {}), 409) == "Requested entity already exists"
    cloud.clock_offset = RESERVED_SECONDS + 60
    assert ask("GET", POOL).status_code == 404
    assert ask("POST", NEW_POOL, {}).status_code == 200
    assert ask("GET", PROVIDER).status_code == 404


@pytest.mark.parametrize(("verb", "path"), [("PATCH", POOL), ("DELETE", POOL)])
@pytest.mark.usefixtures("_pool")
def test_a_deleted_pool_cannot_be_changed(ask: Ask, verb: str, path: str) -> None:
    """Neither patched nor deleted again: FAILED_PRECONDITION."""
    ask("DELETE", POOL)
    answer = ask(verb, path, {"displayName": "x"})
    assert (answer.status_code, answer.json()["error"]["status"]) == (400, "FAILED_PRECONDITION")


@pytest.mark.usefixtures("_pool")
def test_attestation_rules_are_404_for_a_deleted_pool(
    ask: Ask,
) -> None:
    """The genuine plugin takes that as: the pool is gone."""
    assert ask("GET", f"{POOL}:listAttestationRules").status_code == 200
    ask("DELETE", POOL)
    assert ask("GET", f"{POOL}:listAttestationRules").status_code == 404


@pytest.mark.usefixtures("_pool")
def test_a_provider_in_a_deleted_pool_is_refused(ask: Ask) -> None:
    """404."""
    ask("DELETE", POOL)
    assert ask("POST", NEW_PROVIDER, PROVIDER_BODY).status_code == 404


@pytest.mark.parametrize(
    ("condition", "refusal"),
    [
        ("true", "must reference one of the provider's claims"),
        ("'assertion.sub' == 'x' // assertion.sub", "must reference one of the provider's claims"),
        ("string(assertion.sub)", "must be a boolean"),
        ("assertion.sub ==", "does not compile"),
        ("assertions.sub == 'x'", "does not compile"),
        (f"assertion.sub == '{'x' * 4096}'", "exceeds 4096"),
    ],
)
@pytest.mark.parametrize("verb", ["POST", "PATCH"])
@pytest.mark.usefixtures("_pool")
def test_an_invalid_condition_is_refused(
    ask: Ask, cloud: Cloud, verb: str, condition: str, refusal: str
) -> None:
    """At creation and at each change, and nothing is changed then."""
    if verb == "PATCH":
        ask("POST", NEW_PROVIDER, PROVIDER_BODY)
    before = {name: dict(provider.doc) for name, provider in cloud.providers.items()}
    path = NEW_PROVIDER if verb == "POST" else f"{PROVIDER}?updateMask=attributeCondition"
    answer = ask(verb, path, PROVIDER_BODY | {"attributeCondition": condition})
    assert refusal in message(answer, 400)
    assert {name: provider.doc for name, provider in cloud.providers.items()} == before


@pytest.mark.parametrize(
    "condition",
    ["assertion.sub == 'x'", "google.subject == 'x'", "attribute['a'] == 'x'", ""],
)
@pytest.mark.usefixtures("_pool")
def test_a_condition_that_google_accepts_is_accepted(ask: Ask, condition: str) -> None:
    """Also the empty one, which admits everyone: Google accepts it, too."""
    answer = ask("POST", NEW_PROVIDER, PROVIDER_BODY | {"attributeCondition": condition})
    assert answer.status_code == 200


@pytest.mark.parametrize(
    ("change", "refusal"),
    [
        ({"oidc": {"issuerUri": "http://issuer.example"}}, "https://"),
        ({"oidc": {}}, "https://"),
        ({"attributeMapping": {"attribute.a": "assertion.a"}}, "must contain google.subject"),
        ({"attributeMapping": {"google.subject": "assertion."}}, "does not compile"),
        ({"attributeMapping": {"google.subject": "assertion.sub", "subject": "''"}}, "mapping key"),
        ({"attributeMapping": {"google.subject": f"'{'x' * 2048}'"}}, "exceeds 2048"),
        ({"attributeConditions": "true"}, 'Unknown name "attributeConditions"'),
    ],
)
@pytest.mark.usefixtures("_pool")
def test_an_invalid_provider_is_refused(ask: Ask, change: Any, refusal: str) -> None:
    """Issuer by https, a subject, expressions that compile, no unknown field."""
    assert refusal in message(ask("POST", NEW_PROVIDER, PROVIDER_BODY | change), 400)


@pytest.mark.usefixtures("_provider")
def test_a_patch_clears_masked_fields_that_the_body_lacks(ask: Ask, cloud: Cloud) -> None:
    """As at Google: if a program drops its condition, everyone is admitted."""
    body = {"oidc": {"allowedAudiences": ["https://other.example"]}}
    ask("PATCH", f"{PROVIDER}?updateMask=attribute_condition,oidc.allowedAudiences", body)
    doc = cloud.providers[BY_NUMBER + PROVIDER].doc
    assert "attributeCondition" not in doc
    assert doc["oidc"] == PROVIDER_BODY["oidc"] | body["oidc"]  # type: ignore[operator]  # PROVIDER_BODY is mixed


@pytest.mark.usefixtures("_pool")
def test_an_unknown_field_in_a_mask_is_refused(ask: Ask) -> None:
    """A typing error in a mask must not be ignored."""
    assert "update mask" in message(ask("PATCH", f"{POOL}?updateMask=displayNam", {}), 400)
