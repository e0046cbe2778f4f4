"""The members of grants in words, and how many they are.

https://docs.cloud.google.com/iam/docs/principal-identifiers
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from infra.attestation.release_policy import BUILT_HERE, CONFIGURED
from infra.naming import DIGEST
from ops.review.values import NOT_KNOWN, text
from policy.resource import is_unknown

if TYPE_CHECKING:
    from collections.abc import Collection

_POOL: Final = (
    r"principal(?:Set)?://iam\.googleapis\.com/(?P<path>projects/(?P<project>[^/]+)/locations/global"
    r"/workloadIdentityPools/(?P<pool>[^/]+))"
)
_ATTESTED: Final = re.compile(
    rf"{_POOL}/attribute\.(?P<attribute>{BUILT_HERE}|{CONFIGURED})/(?P<digest>{DIGEST})"
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
    pool: str = ""
    """the full name of the pool that attests the image"""
    address: str = ""
    """the e-mail address of an account"""
    known: bool = True


def principal(member: object, pools: Collection[str]) -> Principal:
    """The member of a grant; anything of an unknown form counts as wide.

    `pools` are the full names of the stack's own pools: in another one, its owner decides what is
    an image.
    """
    if is_unknown(member) or not isinstance(member, str):
        known = not is_unknown(member)
        return Principal(
            text(member) if known else f"somebody who is {NOT_KNOWN}", wide=known, known=known
        )
    if member in _PUBLIC:
        return Principal(f"{_PUBLIC[member]} ({member})", wide=True)
    if member.startswith("principal"):
        return _set(member, pools)
    kind, _, name = member.partition(":")
    if kind in _PROJECT_ROLES:
        return Principal(f"every {_PROJECT_ROLES[kind]} of the project {text(name)}", wide=True)
    if kind in _ONE:
        address = name if kind == "serviceAccount" else ""
        return Principal(f"{_ONE[kind]} {text(name)}", address=address)
    return Principal(text(member), wide=True)


def _set(member: str, pools: Collection[str]) -> Principal:
    """A principal or a set of them, by its URI."""
    found = _ATTESTED.fullmatch(member)
    if found and found["path"] in pools:
        where = "built here" if found["attribute"] == BUILT_HERE else "named in config"
        digest = text(found["digest"])
        words = f"the image {where}, {digest},"
        return Principal(words, digest=digest, pool=found["path"])
    if found := _IN_POOL.fullmatch(member):
        which = found["which"]
        words = "every identity" if which == "*" else f"identities with {text(which)}"
        # A subject is one run. Any other attribute can be the same for all.
        wide = not which.startswith("subject/")
        where = f"the pool {text(found['pool'])}"
        if found["path"] not in pools:
            where += f" in the project {text(found['project'])}, which is none of this stack,"
        return Principal(f"{words} of {where}", wide=wide)
    if found := _PROJECT_ACCOUNTS.fullmatch(member):
        words = f"every service account of the project {text(found['project'])}"
        return Principal(words, wide=True)
    return Principal(text(member), wide=True)
