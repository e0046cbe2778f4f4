"""iam.googleapis.com: service accounts; identity pools and providers are `control.pools`.

Deleting an account turns its grants, wherever they are, into grants to a deleted member: a new
account of the same name does not inherit them.
https://docs.cloud.google.com/iam/docs/reference/rest/v1/projects.serviceAccounts
"""

from __future__ import annotations

import re
import secrets
from typing import TYPE_CHECKING

from sandbox.control import pools, rest
from sandbox.control.rest import Api, Call, Method
from sandbox.errors import ApiError
from sandbox.state import ServiceAccount

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from starlette.applications import Starlette

    from sandbox.state import Cloud, Json, Policy, Project

ACCOUNTS = "/v1/projects/{project}/serviceAccounts"
ACCOUNT = f"{ACCOUNTS}/{{account}}"
PERMISSION = "iam.serviceAccounts."
ACCOUNT_ID = re.compile(r"[a-z]([-a-z0-9]*[a-z0-9])")
ACCOUNT_ID_LENGTH = range(6, 31)
FIELDS = frozenset({"description", "displayName"})


def _render(account: ServiceAccount) -> Json:
    return account.doc | ({"disabled": True} if account.disabled else {})


def _find(call: Call) -> ServiceAccount:
    account = call.cloud.service_accounts.get(call.path["account"])
    if account is None or account.project != call.project.id:
        raise ApiError(404, "Unknown service account")
    return account


def _create(call: Call) -> Json:
    identifier, project = str(call.body.get("accountId", "")), call.project.id
    doc = dict(rest.known(call.body.get("serviceAccount") or {}, FIELDS))
    wrong = f'The account ID "{identifier}" does not '
    if len(identifier) not in ACCOUNT_ID_LENGTH:
        raise ApiError(400, f"{wrong}have a length between 6 and 30.")
    if not ACCOUNT_ID.fullmatch(identifier):
        raise ApiError(400, f"{wrong}match {ACCOUNT_ID.pattern}.")
    email = f"{identifier}@{project}.iam.gserviceaccount.com"
    if email in call.cloud.service_accounts:
        message = f"Service account {identifier} already exists within project projects/{project}."
        raise ApiError(409, message)
    doc |= {
        "name": f"projects/{project}/serviceAccounts/{email}",
        "projectId": project,
        "uniqueId": str(10**20 + secrets.randbelow(10**20)),
        "email": email,
        "etag": secrets.token_hex(4),
    }
    account = call.cloud.service_accounts[email] = ServiceAccount(email, project, doc)
    return _render(account)


def _list(call: Call) -> Json:
    accounts = call.cloud.service_accounts.values()
    return {"accounts": [_render(a) for a in accounts if a.project == call.project.id]}


def _get(call: Call) -> Json:
    return _render(_find(call))


def _patch(call: Call) -> Json:
    account, wanted = _find(call), call.body.get("serviceAccount") or {}
    account.doc = rest.masked(account.doc, wanted, call.body.get("updateMask", ""), FIELDS)
    account.doc["etag"] = secrets.token_hex(4)
    return _render(account)


def _disable(call: Call) -> Json:
    _find(call).disabled = True
    return {}


def _enable(call: Call) -> Json:
    _find(call).disabled = False
    return {}


def _delete(call: Call) -> Json:
    account, cloud = _find(call), call.cloud
    member = f"serviceAccount:{account.email}"
    gone = f"deleted:{member}?uid={account.doc['uniqueId']}"
    del cloud.service_accounts[account.email]
    for policy in _policies(cloud):
        for binding in policy.bindings:
            if member in binding["members"]:
                binding["members"] = [gone if m == member else m for m in binding["members"]]
                policy.revision += 1
    # A token that was given to the account must not work on, least of all for its namesake.
    for token in [t for t, known in cloud.tokens.items() if known.member == member]:
        del cloud.tokens[token]
    return {}


def _policies(cloud: Cloud) -> Iterator[Policy]:
    yield from (project.policy for project in cloud.projects.values())
    yield from (bucket.policy for bucket in cloud.buckets.values())
    yield from (account.policy for account in cloud.service_accounts.values())
    yield from (repository.policy for repository in cloud.repositories.values())


def _project(cloud: Cloud, path: Mapping[str, str]) -> Project | None:
    """The project in the path; `-` stands for the one that the account's e-mail names."""
    of_account = path.get("account", "").partition("@")[2].partition(".")[0]
    return cloud.project(of_account if path["project"] == "-" else path["project"])


def _policy(cloud: Cloud, resource: str) -> Policy | None:
    account = cloud.service_accounts.get(resource.rpartition("/")[2])
    return account.policy if account and resource.split("/")[1] == account.project else None


METHODS = (
    Method("POST", ACCOUNTS, f"{PERMISSION}create", _create),
    Method("GET", ACCOUNTS, f"{PERMISSION}list", _list),
    Method("GET", ACCOUNT, f"{PERMISSION}get", _get),
    Method("PATCH", ACCOUNT, f"{PERMISSION}update", _patch),
    Method("DELETE", ACCOUNT, f"{PERMISSION}delete", _delete),
    Method("POST", ACCOUNT, f"{PERMISSION}disable", _disable, ":disable"),
    Method("POST", ACCOUNT, f"{PERMISSION}enable", _enable, ":enable"),
    Method("POST", ACCOUNT, f"{PERMISSION}getIamPolicy", rest.get_policy, ":getIamPolicy"),
    Method("POST", ACCOUNT, f"{PERMISSION}setIamPolicy", rest.set_policy, ":setIamPolicy"),
    *pools.METHODS,
)
HOST, TITLE = "iam.googleapis.com", "Identity and Access Management (IAM) API"


def app(cloud: Cloud) -> Starlette:
    """The API."""
    return rest.app(cloud, Api(HOST, TITLE, METHODS, _project, _policy))
