"""Workload identity pools and their OIDC providers.

The id of a deleted pool or provider stays reserved for 30 days on the cloud's clock. A provider's
condition and mapping are validated and stored here; `rehearsal.cloud.sts` evaluates them.
https://docs.cloud.google.com/iam/docs/reference/rest/v1/projects.locations.workloadIdentityPools
"""

from __future__ import annotations

import datetime as dt
import re
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

from ops import cel_engine
from rehearsal.cloud.http import conventions, rest
from rehearsal.cloud.http.errors import ApiError
from rehearsal.cloud.http.rest import Call, Method
from rehearsal.cloud.state import RESERVED_SECONDS, Cloud, Json, Pool, Provider

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

POOLS = "/v1/projects/{project}/locations/global/workloadIdentityPools"
POOL = f"{POOLS}/{{pool}}"
PROVIDERS = f"{POOL}/providers"
ID = re.compile(r"(?!gcp-)[a-z0-9-]{4,32}")

# https://docs.cloud.google.com/iam/docs/workload-identity-federation#conditions and #mapping
CONDITION_LIMIT = 4096
MAPPING_LIMIT = 2048
MAPPED = re.compile(r"google\.(subject|groups|display_name|profile_photo)|attribute\.[a-z0-9_]+")
CLAIM = re.compile(r"\b(assertion|google|attribute)\s*[.\[]")
STRING_OR_COMMENT = re.compile(
    r'"""(?s:.*?)"""|' r"'''(?s:.*?)'''|" r'"(?:\\.|[^"\\])*"|' r"'(?:\\.|[^'\\])*'|" r"//[^\n]*"
)


class Kind(NamedTuple):
    """The differences between pools and providers."""

    name: str
    stored: Callable[[Cloud], dict[str, Pool] | dict[str, Provider]]
    fields: frozenset[str]
    faults: Callable[[Json], Iterator[str]]


def _faults(doc: Json) -> Iterator[str]:
    """The errors that Google's IAM finds in a provider.

    Danger, as at Google: an empty condition is no error, and admits every token of the issuer. The
    deployed program must never send one.
    """
    mapping, condition = doc.get("attributeMapping") or {}, doc.get("attributeCondition") or ""
    if not (doc.get("oidc") or {}).get("issuerUri", "").startswith("https://"):
        yield "An OIDC provider needs an issuer URI that starts with https://."
    if "google.subject" not in mapping:
        yield "The attribute mapping must contain google.subject."
    for name, expression in mapping.items():
        if not MAPPED.fullmatch(name):
            yield f"Invalid attribute mapping key: {name}."
        if len(expression) > MAPPING_LIMIT:
            yield f"The mapping of {name} exceeds {MAPPING_LIMIT} characters."
        _is_boolean(f"mapping of {name}", expression)
    if len(condition) > CONDITION_LIMIT:
        yield f"The attribute condition exceeds {CONDITION_LIMIT} characters."
    if condition and not _is_boolean("condition", condition):
        yield "The attribute condition must be a boolean expression."
    if condition and not CLAIM.search(STRING_OR_COMMENT.sub("''", condition)):
        yield (
            "The attribute condition must reference one of the provider's claims. For more "
            "information, see https://cloud.google.com/iam/docs/"
            "workload-identity-federation-with-deployment-pipelines#conditions"
        )


def _is_boolean(what: str, expression: str) -> bool:
    try:
        return cel_engine.is_boolean(expression)
    except cel_engine.ExpressionError as error:
        raise ApiError(400, f"The attribute {what} does not compile: {error}") from error


FIELDS = frozenset({"description", "disabled", "displayName"})
POOL_KIND = Kind(
    "workloadIdentityPool", lambda cloud: cloud.pools, FIELDS | {"mode"}, lambda _doc: iter(())
)
PROVIDER_KIND = Kind(
    "workloadIdentityPoolProvider",
    lambda cloud: cloud.providers,
    FIELDS | {"attributeCondition", "attributeMapping", "oidc"},
    _faults,
)


def _name(call: Call) -> str:
    """The resource's full name, which always has its project's number."""
    return call.resource.replace(call.project.id, call.project.number, 1)


def _reserved(cloud: Cloud, kind: Kind) -> dict[str, Pool] | dict[str, Provider]:
    """Existing ones, and deleted ones whose id is still reserved; older ones are removed."""
    items: list[Pool | Provider] = [*cloud.pools.values(), *cloud.providers.values()]
    for item in items:
        if item.deleted_at is not None and item.deleted_at + RESERVED_SECONDS <= cloud.now():
            cloud.pools.pop(item.name, None)
            for name in [n for n in cloud.providers if f"{n}/".startswith(f"{item.name}/")]:
                del cloud.providers[name]
    return kind.stored(cloud)


def _find(kind: Kind, call: Call) -> Pool | Provider:
    try:
        return _reserved(call.cloud, kind)[_name(call)]
    except KeyError:
        raise rest.not_found() from None


def _active(kind: Kind, call: Call) -> Pool | Provider:
    item = _find(kind, call)
    if item.deleted_at is not None:
        raise ApiError(400, "Precondition check failed.", status="FAILED_PRECONDITION")
    return item


def _render(item: Pool | Provider) -> Json:
    rendered = {**item.doc, "name": item.name, "state": "ACTIVE"}
    if item.deleted_at is None:
        return rendered
    expires = dt.datetime.fromtimestamp(item.deleted_at + RESERVED_SECONDS, dt.UTC)
    return {**rendered, "state": "DELETED", "expireTime": f"{expires:%Y-%m-%dT%H:%M:%SZ}"}


def _done(kind: Kind, call: Call, item: Pool | Provider) -> Json:
    message = f"iam.v1.{kind.name[0].upper()}{kind.name[1:]}"
    return conventions.finished_operation(call, f"{item.name}/", message, _render(item))


def _checked(kind: Kind, doc: Json) -> Json:
    if fault := next(kind.faults(doc), None):
        raise ApiError(400, fault)
    return doc


def _create(kind: Kind, call: Call) -> Json:
    identifier = call.query.get(f"{kind.name}Id", "")
    name, stored = f"{_name(call)}/{identifier}", _reserved(call.cloud, kind)
    doc = conventions.require_known_fields(call.body, kind.fields)
    if not ID.fullmatch(identifier):
        raise ApiError(400, f'Invalid {kind.name}Id "{identifier}": must match {ID.pattern}.')
    if name in stored:
        raise ApiError(409, "Requested entity already exists")
    _checked(kind, doc)
    item: Pool | Provider
    if kind is POOL_KIND:
        item = call.cloud.pools[name] = Pool(name, call.project.id, doc)
    else:
        pool = call.cloud.pools.get(_name(call).removesuffix("/providers"))
        if pool is None or pool.deleted_at is not None:
            raise rest.not_found()
        item = call.cloud.providers[name] = Provider(name, pool.name, doc)
    return _done(kind, call, item)


def _get(kind: Kind, call: Call) -> Json:
    return _render(_find(kind, call))


def _patch(kind: Kind, call: Call) -> Json:
    item, mask = _active(kind, call), call.query.get("updateMask", "")
    item.doc = _checked(kind, conventions.apply_update_mask(item.doc, call.body, mask, kind.fields))
    return _done(kind, call, item)


def _delete(kind: Kind, call: Call) -> Json:
    item = _active(kind, call)
    item.deleted_at = call.cloud.now()
    return _done(kind, call, item)


def _list_pools(call: Call) -> Json:
    """Those of the project; deleted ones only on request, while their ids are reserved."""
    shown = call.query.get("showDeleted") == "true"
    found = [
        _render(each)
        for each in _reserved(call.cloud, POOL_KIND).values()
        if f"{each.name}/".startswith(f"{_name(call)}/") and (shown or each.deleted_at is None)
    ]
    return {"workloadIdentityPools": found} if found else {}


def _list_providers(call: Call) -> Json:
    """Those of one pool; deleted ones only on request, while their ids are reserved."""
    pool = _name(call).removesuffix("/providers")
    shown = call.query.get("showDeleted") == "true"
    if pool not in _reserved(call.cloud, POOL_KIND):
        raise rest.not_found()
    found = [
        _render(each)
        for each in call.cloud.providers.values()
        if each.pool == pool and (shown or each.deleted_at is None)
    ]
    return {"workloadIdentityPoolProviders": found} if found else {}


def _attestation_rules(call: Call) -> Json:
    """None, as none can be created; the genuine plugin only looks whether the pool exists."""
    if _find(POOL_KIND, call).deleted_at is not None:
        raise rest.not_found()
    return {}


def _methods(kind: Kind, collection: str) -> Iterator[Method]:
    item, permission = f"{collection}/{{{kind.name}}}", f"iam.{kind.name}s."
    yield Method("POST", collection, f"{permission}create", partial(_create, kind))
    yield Method("GET", item, f"{permission}get", partial(_get, kind))
    yield Method("PATCH", item, f"{permission}update", partial(_patch, kind))
    yield Method("DELETE", item, f"{permission}delete", partial(_delete, kind))
    yield Method(
        "GET", f"{item}/operations/{{operation}}", f"{permission}get", conventions.get_operation
    )


RULES, GET = ":listAttestationRules", "iam.workloadIdentityPools.get"
METHODS = (
    *_methods(POOL_KIND, POOLS),
    *_methods(PROVIDER_KIND, PROVIDERS),
    Method("GET", POOLS, "iam.workloadIdentityPools.list", _list_pools),
    Method("GET", PROVIDERS, "iam.workloadIdentityPoolProviders.list", _list_providers),
    Method("GET", POOL, GET, _attestation_rules, RULES),
)
