"""The identity pool of docs/pull-requests.md: which job of which repository may act as whom."""

from __future__ import annotations

import re
import shlex

import pytest

from ops import attribute_mapping, cel_engine
from rehearsal.repository import REPOSITORY

PAGE = (REPOSITORY / "docs" / "pull-requests.md").read_text()
LINES = [shlex.split(line) for line in PAGE.replace("\\\n", " ").splitlines() if "gcloud" in line]


def option(name: str, *command: str) -> list[str]:
    """The values of an option in the lines of a `gcloud` command."""
    lines = [line for line in LINES if line[1 : 1 + len(command)] == list(command)]
    return [line[line.index(f"--{name}") + 1] for line in lines]


POOLS = ("iam", "workload-identity-pools", "providers", "create-oidc")
(MAPPING,) = option("attribute-mapping", *POOLS)
(CONDITION,) = option("attribute-condition", *POOLS)
ACCOUNTS = [
    line[4].partition("@")[0]
    for line in LINES
    if line[1:4] == ["iam", "service-accounts", "add-iam-policy-binding"]
]
MEMBERS = option("member", "iam", "service-accounts", "add-iam-policy-binding")

MAIN = {"event_name": "push", "ref": "refs/heads/main"}
"""Claims as in https://docs.github.com/en/actions/reference/security/oidc"""


def accounts(claims: dict[str, str], sub: str = "repo:o/r:any") -> set[str]:
    """The service accounts that a token of the stack's own repository may act as."""
    token = {"repository_id": "REPOSITORY-ID", "repository_owner_id": "OWNER-ID", "sub": sub}
    token |= claims
    if not cel_engine.holds(CONDITION, {"assertion": token}):
        return set()
    # gcloud separates pairs by commas, and a name from its expression by the first "=".
    name, _, expression = MAPPING.partition("=")
    subject = attribute_mapping.attributes({name: expression}, token)["google"]["subject"]
    pairs = zip(MEMBERS, ACCOUNTS, strict=True)
    return {account for member, account in pairs if member == f"$subject/{subject}"}


@pytest.mark.parametrize(
    ("claims", "expected"),
    [
        ({"event_name": "pull_request", "ref": "refs/pull/7/merge"}, {"ci-preview"}),
        (MAIN, {"ci-preview"}),
        (MAIN | {"event_name": "workflow_dispatch"}, {"ci-preview"}),
        (MAIN | {"environment": "STACK"}, {"ci-deploy"}),
        (MAIN | {"environment": "STACK", "event_name": "workflow_dispatch"}, {"ci-deploy"}),
    ],
    ids=["pull request", "main", "main by hand", "deployment", "deployment by hand"],
)
def test_the_workflows_get_their_accounts(claims: dict[str, str], expected: set[str]) -> None:
    """Each job acts as one account, and only as that one."""
    assert accounts(claims) == expected


@pytest.mark.parametrize(
    "claims",
    [
        {"event_name": "push", "ref": "refs/heads/feature"},
        {"event_name": "push", "ref": "refs/tags/main"},
        {"event_name": "push", "ref": "refs/heads/feature", "environment": "STACK"},
        {"event_name": "pull_request", "ref": "refs/pull/7/merge", "environment": "STACK"},
        MAIN | {"environment": "another"},
        MAIN | {"environment": "STACK:refs/heads/main"},
        MAIN | {"repository_id": "2"},
        MAIN | {"repository_owner_id": "2"},
    ],
    ids=[
        "branch",
        "tag",
        "environment on a branch",
        "environment in a pull request",
        "another environment",
        "environment with a colon",
        "another repository",
        "another owner",
    ],
)
def test_every_other_job_gets_none(claims: dict[str, str]) -> None:
    """Also one whose workflow file names the environment."""
    assert accounts(claims) == set()


@pytest.mark.parametrize(
    "sub",
    [
        "repo:o/r:environment:STACK",
        "repo:o@1/r@2:environment:STACK",
        f"repo:{'o' * 39}@123456789/{'r' * 100}@123456789:environment:STACK",
    ],
    ids=["old", "immutable", "long"],
)
def test_the_form_of_githubs_own_subject_does_not_matter(sub: str) -> None:
    """New repositories have another form than old ones, and Google takes 127 bytes at most."""
    assert accounts(MAIN | {"environment": "STACK"}, sub) == {"ci-deploy"}


def test_the_mapping_is_one_pair_for_gcloud() -> None:
    """A comma would begin the next pair."""
    assert re.fullmatch(r"google\.subject=[^,]+", MAPPING)


def test_the_accounts_are_those_that_are_made() -> None:
    """Each with a binding."""
    made = [line[4] for line in LINES if line[1:4] == ["iam", "service-accounts", "create"]]
    assert set(ACCOUNTS) == set(made) == {"ci-preview", "ci-deploy"}
