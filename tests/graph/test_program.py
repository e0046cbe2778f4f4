"""What holds for both companies: one explicit provider, no secrets, children where they belong."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING

import pytest

from infra.components.replacement import CREATED_FIRST
from rehearsal.pulumi_plugins import gcp_arguments
from tests.graph.mocked import Graph, Refused, deploy

if TYPE_CHECKING:
    from collections.abc import Callable

    Deploy = Callable[..., Graph]


@pytest.fixture(params=["primus", "secundus"])
def graph(request: pytest.FixtureRequest) -> Graph:
    """Each company as committed."""
    company: Deploy = request.getfixturevalue(request.param)
    return company()


def test_every_google_resource_is_made_by_the_explicit_provider(graph: Graph) -> None:
    """None falls back to the project that gcloud happens to be set to."""
    provider = graph.one("gcp")
    assert provider.inputs["project"] in {"primus-models", "secundus-vision"}
    google = [r for r in graph.resources if r.type.startswith("gcp:")]
    assert len(google) > 10
    assert {r.request.provider.rpartition("::")[0] for r in google} == {provider.urn}


def test_every_google_resource_that_takes_a_project_states_it(graph: Graph) -> None:
    """Buckets' contents and policies of accounts are placed by what they belong to."""
    placed_by_parent = {"BucketObject", "BucketIAMMember", "serviceaccount/iAMMember:IAMMember"}
    for resource in graph.resources:
        if resource.type.startswith("gcp:") and not any(
            resource.type.endswith(kind) for kind in placed_by_parent
        ):
            assert resource.inputs["project"] == graph.one("gcp").inputs["project"]


def test_every_google_resource_names_its_location(graph: Graph) -> None:
    """Region, zone and location come from the stack's settings, never from the provider."""
    settings = {"region": "us-west1", "location": "us-west1", "zone": "us-west1-b"}
    named = 0
    for resource in graph.resources:
        if resource.type.startswith("gcp:"):
            _, module, kind = resource.type.split(":")
            source = f"{module.partition('/')[0]}/{gcp_arguments.snake(kind)}"
            places = gcp_arguments.arguments(source, kind).keys() & settings.keys()
            assert {key: resource.inputs.get(key) for key in places} == {
                key: settings[key] for key in places
            }
            named += len(places)
    assert named >= 3


def test_the_provider_has_no_region(primus: Deploy, monkeypatch: pytest.MonkeyPatch) -> None:
    """With one, Google's plugin lists all regions on every command and warns where it may not."""
    for name in ("GOOGLE_REGION", "GCLOUD_REGION", "CLOUDSDK_COMPUTE_REGION"):
        monkeypatch.delenv(name, raising=False)
    for name in ("GOOGLE_ZONE", "GCLOUD_ZONE", "CLOUDSDK_COMPUTE_ZONE"):
        monkeypatch.delenv(name, raising=False)
    assert primus(labels={}).one("gcp").inputs == {"project": "primus-models"}


@pytest.mark.parametrize("company", ["primus", "secundus"])
def test_a_region_in_the_environment_changes_no_resource(
    company: str, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The SDK hands it to the provider; what is deployed is the same, and where."""
    deploy_company: Deploy = request.getfixturevalue(company)
    monkeypatch.setattr(secrets, "token_hex", "ab".__mul__)  # else the pool's name differs
    before = deploy_company(labels={})
    monkeypatch.setenv("CLOUDSDK_COMPUTE_REGION", "europe-west4")
    monkeypatch.setenv("CLOUDSDK_COMPUTE_ZONE", "europe-west4-a")
    after = deploy_company(labels={})
    assert after.one("gcp").inputs["region"] == "europe-west4"
    declared = [
        {r.urn: r.request.object for r in graph.resources if r.type.startswith("gcp:")}
        for graph in (before, after)
    ]
    assert len(declared[0]) > 10
    assert declared[0] == declared[1]


def test_every_resource_belongs_to_the_company(graph: Graph) -> None:
    """A resource without a parent would escape the company's provider."""
    for resource in graph.resources:
        if resource.type.startswith(("gcp:", "docker:")):
            assert "confidential-inference:infra:" in resource.request.parent


def test_every_google_resource_except_reserved_ids_is_deleted_before_its_replacement(
    graph: Graph,
) -> None:
    """Else a change that failed and was taken back deletes what has just been created again."""
    google = [r for r in graph.resources if r.type.startswith("gcp:")]
    created_first = {r.type for r in google if not r.request.deleteBeforeReplace}
    assert created_first <= set(CREATED_FIRST)
    assert len({r.type for r in google} - created_first) > 5


@pytest.mark.parametrize("company", ["primus", "secundus"])
@pytest.mark.parametrize(
    ("accepted", "kept"), [("", True), ("us-east1", True), ("us-west1", False)]
)
def test_the_state_takes_another_region_only_after_an_agreement(
    request: pytest.FixtureRequest, company: str, accepted: str, kept: bool
) -> None:
    """An agreement to another move, or to an earlier one, is none."""
    deploy_company: Deploy = request.getfixturevalue(company)
    stash = deploy_company(acceptLoss=accepted).one("Stash", "region")
    assert stash.inputs["input"] == "us-west1"
    assert list(stash.request.ignoreChanges) == (["input"] if kept else [])


def test_nothing_secret_is_exported(graph: Graph) -> None:
    """What crosses between companies needs no secret; a secret output could not cross anyway."""
    assert graph.exports
    assert graph.secret_exports == []


def test_no_grant_goes_to_everyone(graph: Graph) -> None:
    """Neither to the whole Internet nor to everybody with an account."""
    members = [r.inputs["member"] for r in graph.resources if "member" in r.inputs]
    assert len(members) >= 3
    assert not [m for m in members if m.startswith(("allUsers", "allAuthenticatedUsers"))]
    assert not [m for m in members if m.endswith("/*")]


def test_another_stack_name_is_refused() -> None:
    """The name says which company is deployed."""
    with pytest.raises(Refused, match="'staging', expected 'primus' or 'secundus'"):
        deploy("staging", {})


def test_what_an_error_repeats_controls_no_terminal() -> None:
    """The Pulumi CLI ends with a stack trace at a colour that it does not know."""
    with pytest.raises(Refused, match=r"a stack called '<\\x7b%x%}>', expected"):
        deploy("<{%x%}>", {})


def test_an_invalid_configuration_ends_with_all_problems_and_no_stack_trace() -> None:
    """All of them, before anything else."""
    with pytest.raises(Refused, match="4 problems in the configuration of stack 'primus'"):
        deploy("primus", {})


def test_the_exports_of_one_run_do_not_reach_the_next(primus: Deploy, secundus: Deploy) -> None:
    """Mocks keep the root resource; without a reset every later test would see both."""
    assert set(primus(labels={}).exports) == {"handover", "imageDigests", "attributeCondition"}
    assert "handover" not in secundus(labels={}).exports
