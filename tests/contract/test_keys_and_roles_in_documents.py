"""Each configuration key and each role that a document names exists."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

import pytest

from infra.config.key_table import rows
from infra.config.problems import NAMESPACE
from rehearsal.cloud.iam.roles import ROLES
from tests.contract.documented_commands import DOCUMENTS, Command, commands, documented

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

KEYS: Final = [(row.stack, row.key.strip("`")) for row in rows()]
"""Stack and key; `operators.NAME` stands for what is said of `operator`, too."""
OTHER_ROLES: Final = frozenset(
    {
        # https://docs.cloud.google.com/iam/docs/roles-permissions/billing
        "roles/billing.projectManager",
        "roles/billing.user",
        # https://docs.cloud.google.com/iam/docs/roles-permissions/cloudkms
        "roles/cloudkms.cryptoKeyDecrypter",
        "roles/cloudkms.cryptoKeyEncrypterDecrypter",
        # https://docs.cloud.google.com/iam/docs/roles-permissions/logging
        "roles/logging.viewer",
        # https://docs.cloud.google.com/iam/docs/roles-permissions/servicemanagement
        "roles/servicemanagement.quotaAdmin",
        "roles/servicemanagement.quotaViewer",
    }
)
"""Roles for people that no local cloud asks for."""


def exists(key: str, company: str) -> bool:
    """Whether a stack of the company has the key, or keys below it; of either without a company."""
    named = re.sub(r"^(operator|model)s\.[a-z0-9-]+", r"\1s.NAME", re.sub(r"\[\d+\]", "", key))
    single = re.sub(r"^(operator|model)s\.NAME", r"\1", named)
    # A label's name is free.
    wanted = {re.sub(r"^labels\..+", "labels", each) for each in (named, single)}
    return any(
        each == known or known.startswith(f"{each}.")
        for stack, known in KEYS
        for each in wanted
        if company in {"", stack} or stack == "both"
    )


def configured(command: Command) -> Iterator[tuple[str, str]]:
    """The company (or nothing) and each key that a `pulumi config` command names."""
    program, *words = command.words
    if (
        program != "pulumi"
        or words[:1] != ["config"]
        or words[1:2] not in (["set"], ["rm"], ["set-all"])
    ):
        return
    stack, pairs, plain = "", [], []
    rest = iter(words[2:])
    for word in rest:
        if word == "--stack":
            stack = next(rest, "")
        elif word == "--plaintext":
            pairs.append(next(rest, "").partition("=")[0])
        elif not word.startswith("--"):
            plain.append(word)
    company = stack.partition("-")[0]
    for key in pairs + ([] if words[1] == "set-all" else plain[:1]):
        if key != "KEY":
            yield (
                (company if company in {"primus", "secundus"} else ""),
                key.removeprefix(f"{NAMESPACE}:"),
            )


def unknown_keys(command: Command) -> list[str]:
    """Keys that the stack of the command does not have."""
    return [
        f"{company or 'no stack'}: {key}"
        for company, key in configured(command)
        if not exists(key, company)
    ]


def roles(text: str) -> set[str]:
    """Every role that a text names."""
    return set(re.findall(r"roles/[\w.]*\w", text))


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.name)
def test_every_key_is_one_of_its_stack(path: Path) -> None:
    """As docs/configuration.md lists them."""
    assert [found for each in documented(path) for found in unknown_keys(each)] == []


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("pulumi config set --stack secundus grantWiat 120", ["secundus: grantWiat"]),
        ("pulumi config set --stack primus grantWait 120", ["primus: grantWait"]),
        ("pulumi config set run x --stack primus", ["primus: run"]),
        ("pulumi config rm machinType", ["no stack: machinType"]),
        (
            "pulumi config set --path 'operators.acme.modls[0]' x",
            ["no stack: operators.acme.modls[0]"],
        ),
        (
            "pulumi config set-all --plaintext confidential-inference:exsting[0]=x",
            ["no stack: exsting[0]"],
        ),
        ("pulumi config set --stack primus-staging --path operators.acme.project x", []),
        ("pulumi config rm --stack secundus author", []),
    ],
)
def test_a_key_that_does_not_exist_is_found(line: str, expected: list[str]) -> None:
    """Also one of the other company's stack."""
    assert [x for each in commands(f"`{line}`", "x.md") for x in unknown_keys(each)] == expected


def test_keys_are_found_in_the_documents() -> None:
    """The check looks at something."""
    found = [key for path in DOCUMENTS for each in documented(path) for key in configured(each)]
    assert len(found) > 80


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.name)
def test_every_role_exists(path: Path) -> None:
    """In the local cloud, or among those that only people need."""
    assert roles(path.read_text()) - set(ROLES) - OTHER_ROLES == set()


def test_no_role_is_listed_that_nobody_names() -> None:
    """And a role with a typing error would not be in either list."""
    named = set().union(*(roles(path.read_text()) for path in DOCUMENTS))
    assert named >= OTHER_ROLES
    assert roles("x --role roles/storage.nothing.") - set(ROLES) - OTHER_ROLES
