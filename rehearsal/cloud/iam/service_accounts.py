"""iam.googleapis.com: service accounts; `pools` has identity pools and providers.

After the deletion of an account, its grants on all resources are grants to a deleted member: a new
account with the same name does not inherit them.
https://docs.cloud.google.com/iam/docs/reference/rest/v1/projects.serviceAccounts
"""

from __future__ import annotations

import re
import secrets
from functools import partial
from typing import TYPE_CHECKING

from rehearsal.cloud.http import conventions
from rehearsal.cloud.http.errors import ApiError
from rehearsal.cloud.http.rest import Api, Call, Method
from rehearsal.cloud.iam import pools
from rehearsal.cloud.state import ServiceAccount

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rehearsal.cloud.state import Cloud, Json, Policy, Project

ACCOUNTS = "/v1/projects/{project}/serviceAccounts"
ACCOUNT = f"{ACCOUNTS}/{{account}}"
PERMISSION = "iam.serviceAccounts."
ACCOUNT_ID = re.compile(r"(?=.{6,30}$)[a-z]([-a-z0-9]*[a-z0-9])")
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
    doc = dict(conventions.require_known_fields(call.body.get("serviceAccount") or {}, FIELDS))
    if not ACCOUNT_ID.fullmatch(identifier):
        message = f'The account ID "{identifier}" does not match {ACCOUNT_ID.pattern}.'
        raise ApiError(400, message)
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


def _get(call: Call) -> Json:
    return _render(_find(call))


def _patch(call: Call) -> Json:
    account, changes = _find(call), call.body.get("serviceAccount") or {}
    account.doc = conventions.apply_update_mask(
        account.doc, changes, call.body.get("updateMask", ""), FIELDS
    )
    account.doc["etag"] = secrets.token_hex(4)
    return _render(account)


def _switch(call: Call, *, disabled: bool) -> Json:
    _find(call).disabled = disabled
    return {}


def _list_keys(call: Call) -> Json:
    """The keys of users; Google's own are in no list here, and no key can be used."""
    account = _find(call)
    place = f"projects/{account.project}/serviceAccounts/{account.email}/keys"
    found = [{"name": f"{place}/{key}", "keyType": "USER_MANAGED"} for key in account.keys]
    return {"keys": found} if found else {}


def _delete(call: Call) -> Json:
    account, cloud = _find(call), call.cloud
    member = f"serviceAccount:{account.email}"
    gone = f"deleted:{member}?uid={account.doc['uniqueId']}"
    del cloud.service_accounts[account.email]
    stored = (cloud.projects, cloud.buckets, cloud.service_accounts, cloud.repositories)
    policies: list[Policy] = [item.policy for items in stored for item in items.values()]
    for policy in policies:
        for binding in policy.bindings:
            if member in binding["members"]:
                binding["members"] = [gone if m == member else m for m in binding["members"]]
                policy.revision += 1
    # The account's tokens become invalid, also for a new account with the same name.
    for token in [t for t, known_token in cloud.tokens.items() if known_token.member == member]:
        del cloud.tokens[token]
    return {}


def _project(cloud: Cloud, path: Mapping[str, str]) -> Project | None:
    """The project in the path; `-` means the project in the account's e-mail."""
    of_account = path.get("account", "").partition("@")[2].partition(".")[0]
    return cloud.project(of_account if path["project"] == "-" else path["project"])


def _policy(cloud: Cloud, resource: str) -> Policy | None:
    account = cloud.service_accounts.get(resource.rpartition("/")[2])
    return account.policy if account and resource.split("/")[1] == account.project else None


METHODS = (
    Method("POST", ACCOUNTS, f"{PERMISSION}create", _create),
    Method("GET", ACCOUNT, f"{PERMISSION}get", _get),
    Method("PATCH", ACCOUNT, f"{PERMISSION}update", _patch),
    Method("GET", f"{ACCOUNT}/keys", "iam.serviceAccountKeys.list", _list_keys),
    Method("DELETE", ACCOUNT, f"{PERMISSION}delete", _delete),
    Method("POST", ACCOUNT, f"{PERMISSION}disable", partial(_switch, disabled=True), ":disable"),
    Method("POST", ACCOUNT, f"{PERMISSION}enable", partial(_switch, disabled=False), ":enable"),
    Method("POST", ACCOUNT, f"{PERMISSION}getIamPolicy", conventions.get_policy, ":getIamPolicy"),
    Method("POST", ACCOUNT, f"{PERMISSION}setIamPolicy", conventions.set_policy, ":setIamPolicy"),
    *pools.METHODS,
)
HOST, TITLE = "iam.googleapis.com", "Identity and Access Management (IAM) API"
API = Api(HOST, TITLE, METHODS, _project, _policy)
