"""A stack's name says which company is deployed, and which of its stages."""

from __future__ import annotations

import re

import pytest

from infra import naming, stack_name
from infra.config import primus_settings, secundus_settings
from infra.config.problems import SettingsError
from infra.stack_name import MAX_STAGE, StackName, StackNameError
from tests.fixtures.stack_files import committed

PROJECT = "p" * 30
"""As long as a project's id can be."""


@pytest.mark.parametrize(
    ("name", "company", "suffix"),
    [
        ("primus", "primus", ""),
        ("secundus", "secundus", ""),
        ("primus-staging", "primus", "-staging"),
        ("secundus-acme-prod", "secundus", "-acme-prod"),
        ("primus.eu.prod", "primus", "-eu-prod"),
        ("secundus-2", "secundus", "-2"),
        ("primus-" + "s" * MAX_STAGE, "primus", "-" + "s" * MAX_STAGE),
    ],
)
def test_the_part_before_the_first_hyphen_or_dot_is_the_company(
    name: str, company: str, suffix: str
) -> None:
    """The rest is the stage, in a form that ends the names of Google's resources."""
    stack = stack_name.parse(name)
    assert (stack.company, stack.suffix, stack.full) == (company, suffix, name)


@pytest.mark.parametrize("name", ["dev", "Primus", "primusdev", "acme-primus", "", "-primus"])
def test_a_stack_of_no_company_is_refused(name: str) -> None:
    """It could be meant as either."""
    with pytest.raises(StackNameError, match=re.escape(f"{name!r}, expected 'primus' or 'sec")):
        stack_name.parse(name)


@pytest.mark.parametrize(
    ("name", "better"),
    [
        ("primus-", "primus-staging"),
        ("primus-Staging", "primus-staging"),
        ("primus-eu_west", "primus-eu-west"),
        ("secundus--x", "secundus-x"),
        ("secundus-x-", "secundus-x"),
        ("primus-" + "s" * (MAX_STAGE + 1), "primus-" + "s" * MAX_STAGE),
        ("primus-é", "primus-staging"),
        ("primus-google-eu", "primus-eu"),
        ("primus-google", "primus-staging"),
    ],
)
def test_a_stage_that_no_resource_can_be_named_after_is_refused(name: str, better: str) -> None:
    """With the command that renames the stack, to a name that is accepted."""
    command = f"pulumi stack rename --stack {name} {better}"
    with pytest.raises(StackNameError, match=re.escape(command) + "$"):
        stack_name.parse(name)
    stack_name.parse(better)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("pulumi up --stack primus", "pulumi up --stack primus-eu"),
        ("--stack primus --path 'x'", "--stack primus-eu --path 'x'"),
        ("(--stack primus).", "(--stack primus-eu)."),
        ("--stack primus.", "--stack primus-eu."),
        ("--stack primus-us", "--stack primus-us"),
        ("--stack primus.us", "--stack primus.us"),
        ("--stack secundus", "--stack secundus"),
        ("--stack organization/x/primus", "--stack organization/x/primus"),
        ("stack primus", "stack primus"),
    ],
)
def test_a_command_is_for_the_stack_that_prints_it(text: str, expected: str) -> None:
    """A command for the main stack would change another deployment."""
    assert StackName("primus", "-eu").in_commands(text) == expected
    assert StackName("primus").in_commands(text) == text


@pytest.mark.parametrize(
    ("stack", "expected"),
    [
        ("primus-eu", "pulumi up --stack primus-eu"),
        ("organization/p/primus-eu", "pulumi up --stack primus-eu"),
        ("secundus-eu", "pulumi up --stack primus"),
        ("other", "pulumi up --stack primus"),
        ("", "pulumi up --stack primus"),
    ],
)
def test_a_message_is_for_the_stack_that_an_option_names(stack: str, expected: str) -> None:
    """A stack of no company gets the message as it is."""
    assert stack_name.for_stack("pulumi up --stack primus", stack) == expected


def test_the_default_names_of_a_stage_end_with_it_and_are_never_too_long() -> None:
    """With the longest project id and the longest stage, each name has the form Google takes."""
    stage = StackName("primus", "-" + "s" * MAX_STAGE)
    primus = primus_settings.parse({**committed("primus"), "project": PROJECT}, stage)
    secundus = secundus_settings.parse(
        {**committed("secundus"), "project": PROJECT}, StackName("secundus", stage.rest)
    )
    own = vars(primus.names) | vars(secundus.names)
    forms = {
        "model_bucket": naming.BUCKET,
        "input_bucket": naming.BUCKET,
        "result_bucket": naming.BUCKET,
        "service_account": naming.ACCOUNT_ID,
        "pool": naming.POOL_PREFIX,
        "provider": naming.POOL_ID,
        "repository": naming.REPOSITORY_ID,
    }
    for name, value in own.items():
        assert re.fullmatch(forms.get(name, naming.COMPUTE_NAME), value), name
        # The pool's id has a random suffix, and a provider is in its pool.
        assert value.endswith("s" * MAX_STAGE) or name in ("pool", "provider")
    assert primus.names.service_account == f"primus-sa{stage.suffix}"


def test_a_stage_of_one_company_admits_the_same_stage_of_the_other() -> None:
    """Both take the account's default name from their stack."""
    staging = StackName("primus", "-staging")
    primus = primus_settings.parse(committed("primus"), staging)
    secundus = secundus_settings.parse(committed("secundus"), StackName("secundus", "-staging"))
    assert primus.operator is not None
    assert primus.operator.service_account == secundus.operator.service_account
    assert secundus.operator.service_account == (
        "workload-sa-staging@secundus-vision.iam.gserviceaccount.com"
    )


def test_a_name_that_is_configured_gets_no_stage() -> None:
    """Whoever names a resource means that name."""
    names = {"modelBucket": "my-bucket", "serviceAccount": "my-reader", "pool": "my-pool"}
    settings = primus_settings.parse(
        {**committed("primus"), "names": names}, StackName("primus", "-eu")
    )
    assert settings.names.model_bucket == "my-bucket"
    assert settings.names.service_account == "my-reader"
    assert settings.names.pool == "my-pool"


def test_errors_name_the_stack_in_their_commands() -> None:
    """`pulumi config set --stack primus` would change another deployment."""
    values = {**committed("primus"), "projectNumber": "x"}
    with pytest.raises(SettingsError) as caught:
        primus_settings.parse(values, StackName("primus", "-eu"))
    assert "of stack 'primus-eu'" in str(caught.value)
    assert "--stack primus-eu --path" in str(caught.value)
