"""The members of grants in words, and how many they are.

https://docs.cloud.google.com/iam/docs/principal-identifiers
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from infra.attestation.release_policy import BUILT_HERE, CONFIGURED
from ops.review.values import NOT_KNOWN, text
from policy.resource import is_unknown

_POOL: Final = (
    r"principal(?:Set)?://iam\.googleapis\.com/projects/[^/]+/locations/global"
    r"/workloadIdentityPools/(?P<pool>[^/]+)"
)
_ATTESTED: Final = re.compile(
    rf"{_POOL}/attribute\.(?P<attribute>{BUILT_HERE}|{CONFIGURED})/(?P<digest>.+)"
)
_IN_POOL: Final = re.compile(rf"{_POOL}/(?P<which>.+)")
_PROJECT_ACCOUNTS: Final = re.compile(
    r"principalSet://cloudresourcemanager\.googleapis\.com/projects/(?P<project>[^/]+)"
    r"/type/ServiceAccount"
)
_PROJECT_ROLES: Final = {
    "projectOwner": "owner",
    "projectEditor": "editor",
    "projectViewer": "viewer",
}
_PUBLIC: Final = {
    "allUsers": "anybody on the Internet",
    "allAuthenticatedUsers": "anybody with a Google account",
}
_ONE: Final = {"user": "the user", "serviceAccount": "the account", "group": "the group"}


@dataclass(frozen=True)
class Principal:
    """Whom a grant names."""

    words: str
    wide: bool = False
    """whether it is more than the person, group, account or image that somebody chose"""
    digest: str = ""
    """the attested image, if it is one"""
    address: str = ""
    """the e-mail address of an account"""
    known: bool = True


def principal(member: object) -> Principal:
    """The member of a grant; anything of an unknown form counts as wide."""
    if is_unknown(member) or not isinstance(member, str):
        known = not is_unknown(member)
        return Principal(
            text(member) if known else f"somebody who is {NOT_KNOWN}", wide=known, known=known
        )
    if member in _PUBLIC:
        return Principal(f"{_PUBLIC[member]} ({member})", wide=True)
    if member.startswith("principal"):
        return _set(member)
    kind, _, name = member.partition(":")
    if kind in _PROJECT_ROLES:
        return Principal(f"every {_PROJECT_ROLES[kind]} of the project {text(name)}", wide=True)
    if kind in _ONE:
        address = name if kind == "serviceAccount" else ""
        return Principal(f"{_ONE[kind]} {text(name)}", address=address)
    return Principal(text(member), wide=True)


def _set(member: str) -> Principal:
    """A principal or a set of them, by its URI."""
    if found := _ATTESTED.fullmatch(member):
        where = "built here" if found["attribute"] == BUILT_HERE else "named in config"
        digest = text(found["digest"])
        return Principal(f"the image {where}, {digest},", digest=digest)
    if found := _IN_POOL.fullmatch(member):
        which = found["which"]
        words = "every identity" if which == "*" else f"identities with {text(which)}"
        # A subject is one run. Any other attribute can be the same for all.
        wide = not which.startswith("subject/")
        return Principal(f"{words} of the pool {text(found['pool'])}", wide=wide)
    if found := _PROJECT_ACCOUNTS.fullmatch(member):
        words = f"every service account of the project {text(found['project'])}"
        return Principal(words, wide=True)
    return Principal(text(member), wide=True)
