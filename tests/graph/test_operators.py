"""Several operators and models: what each gets of its own, and what does not change for others."""

from __future__ import annotations

import json
import re
import secrets
from typing import TYPE_CHECKING, Any

import pytest

from tests.fixtures import model_files
from tests.fixtures.stack_files import committed
from tests.graph.mocked import HANDOVER, Graph, Refused, deploy

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    Deploy = Callable[..., Graph]

A, B = "sha256:" + "aa" * 32, "sha256:" + "bb" * 32
ACME = {"project": "acme-vision", "projectNumber": "333333333333"}


def operators(number: int) -> dict[str, dict[str, Any]]:
    """Operators of other companies, each with a project of its own."""
    return {
        f"customer-{n}": {"project": f"customer-{n}", "projectNumber": str(500000000000 + n)}
        for n in range(number)
    }


@pytest.fixture(autouse=True)
def _same_suffix(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two runs give a pool the same suffix, as the state does."""
    monkeypatch.setattr(secrets, "token_hex", "ab".__mul__)


def inputs(graph: Graph) -> dict[str, Any]:
    """Everything that is declared, by URN."""
    return {resource.urn: resource.request.object for resource in graph.resources}


def of(graph: Graph, operator: str) -> list[str]:
    """The names of the resources of a named operator, but for those on its project."""
    return [r.name for r in graph.resources if f"operator-{operator}-" in r.name]


def second_model(folder: Path, format_: Any = "tensorflow-saved-model") -> dict[str, str]:
    """The configuration of another model than the committed one."""
    (folder / "other").mkdir()
    model_files.write(
        folder / "other", {**model_files.described(format_), "metadata": {"name": "other"}}
    )
    return {"archive": "other/model.tar.gz", "manifest": "other/manifest.json"}


def sha256(folder: Path, name: str) -> str:
    """The SHA-256 that a manifest declares."""
    declared: str = json.loads((folder / name / "manifest.json").read_text())["archive"]["sha256"]
    return declared


def test_a_named_operator_has_a_release_of_its_own(primus: Deploy) -> None:
    """Pool, provider, condition, reader and grants; nothing of it names the other operator."""
    graph = primus(operators={"acme": ACME}, image={"digest": A})
    reader = graph.one("Account", "primus-operator-acme-model-reader").inputs
    assert reader["accountId"] == "reader-acme"
    provider = graph.one("WorkloadIdentityPoolProvider", "primus-operator-acme-attestation").inputs
    pool = graph.one("WorkloadIdentityPool", "primus-operator-acme-attestation").inputs
    assert provider["workloadIdentityPoolId"] == pool["workloadIdentityPoolId"]
    assert pool["workloadIdentityPoolId"].startswith("primus-wip-acme-")
    condition = provider["attributeCondition"]
    assert "project_number == '333333333333'" in condition
    assert "'reader-acme@primus-models.iam.gserviceaccount.com'" in condition
    assert f"/workloadIdentityPools/{pool['workloadIdentityPoolId']}/" in condition
    assert "222222222222" not in condition
    assert "secundus-vision" not in condition
    (grant,) = (g for g in graph.all("IAMMember") if "acme" in g.name)
    assert grant.inputs["serviceAccountId"].endswith(
        "/reader-acme@primus-models.iam.gserviceaccount.com"
    )
    assert f"/{pool['workloadIdentityPoolId']}/attribute.image_digest/{A}" in grant.inputs["member"]


def test_a_second_operator_changes_nothing_of_the_first(primus: Deploy) -> None:
    """Whatever is declared for one operator is declared just so beside others."""
    before, after = (inputs(primus(labels={}, operators=each)) for each in ({}, {"acme": ACME}))
    assert {urn: after.get(urn) for urn in before} == before
    added = {urn.rpartition("::")[2] for urn in after.keys() - before.keys()}
    assert {re.sub("[0-9a-f]{12}$", "…", name) for name in added} == {
        "primus-images-operator-333333333333"[:-12] + "…",
        "primus-model-operator-acme-reader-…",
        "primus-operator-acme-attestation",
        "primus-operator-acme-attestation-pool-suffix-primus-wip-acme-primus-wip-provider",
        "primus-operator-acme-attestation-release-built",
        "primus-operator-acme-model-reader",
    }


def test_no_condition_grows_with_the_number_of_operators(primus: Deploy) -> None:
    """One of twenty has the same resources as one of two, and the condition is as long."""
    few, many = (primus(labels={}, operators=operators(number)) for number in (1, 20))
    kept = inputs(many)
    assert {urn: kept.get(urn) for urn in inputs(few)} == inputs(few)
    conditions = {
        len(provider.inputs["attributeCondition"].replace("-1", "-").replace("customer-1", "c"))
        for provider in many.all("WorkloadIdentityPoolProvider")
    }
    assert max(conditions) - min(conditions) < 60
    assert len(many.all("WorkloadIdentityPool")) == 21


def test_two_operators_of_one_project_share_the_grant_to_pull(primus: Deploy) -> None:
    """Two resources that mean one binding destroy each other, when one of them goes."""
    twin = {
        "project": "secundus-vision",
        "projectNumber": "222222222222",
        "serviceAccount": "trial-sa@secundus-vision.iam.gserviceaccount.com",
    }
    graph = primus(operators={"trial": twin})
    assert graph.one("RepositoryIamMember").name == "primus-images-operator-222222222222"
    # It stays the same resource when only the named operator is left.
    config = {key: value for key, value in committed("primus").items() if key != "operator"}
    alone = deploy("primus", {**config, "operators": {"trial": twin}})
    assert alone.one("RepositoryIamMember").urn == graph.one("RepositoryIamMember").urn


def test_the_grant_to_pull_has_the_name_that_it_had_before_there_were_several(
    primus: Deploy,
) -> None:
    """Else the engine would make the new one, then delete the old one: the same binding."""
    first, second = primus(operators={"acme": ACME}).all("RepositoryIamMember")
    aliases = {alias.spec.name for alias in first.request.aliases}
    assert {"primus-images-operator", "images-operator"} <= aliases
    assert not {"primus-images-operator", "images-operator"} & {
        alias.spec.name for alias in second.request.aliases
    }


def test_a_stopped_operator_has_no_way_in_and_keeps_its_pool(primus: Deploy) -> None:
    """The provider and the reader are disabled, no grant is left, and nothing else is replaced."""
    running, stopped = (
        primus(operators={"acme": {**ACME, "stopped": value}}) for value in (False, True)
    )
    assert stopped.one("WorkloadIdentityPoolProvider", "primus-operator-acme-attestation").inputs[
        "disabled"
    ]
    assert stopped.one("Account", "primus-operator-acme-model-reader").inputs["disabled"] is True
    gone = inputs(running).keys() - inputs(stopped).keys()
    assert {urn.split("::")[2].rpartition(":")[2] for urn in gone} == {
        "IAMMember",
        "BucketIAMMember",
    }
    assert not inputs(stopped).keys() - inputs(running).keys()
    others = [urn for urn in inputs(stopped) if "acme" not in urn]
    assert [inputs(stopped)[urn] for urn in others] == [inputs(running)[urn] for urn in others]
    assert stopped.exports["handovers"]["acme"]["stopped"] is True
    assert "stopped" not in running.exports["handovers"]["acme"]


def test_a_running_operator_is_not_declared_as_enabled(primus: Deploy) -> None:
    """So that stacks of earlier versions show no change."""
    graph = primus(labels={})
    for kind in ("WorkloadIdentityPoolProvider", "Account"):
        assert "disabled" not in graph.one(kind).inputs


def test_each_reader_reads_just_the_models_of_its_operator(primus: Deploy, folder: Path) -> None:
    """The bucket holds the models of all; a grant names one object."""
    graph = primus(
        models={"other": second_model(folder)},
        operators={
            "acme": {**ACME, "models": ["other"]},
            "borg": {**ACME, "projectNumber": "444444444444", "models": ["model", "other"]},
        },
    )
    first, other = sha256(folder, "model"), sha256(folder, "other")
    assert {r.inputs["name"] for r in graph.all("BucketObject")} == {
        f"models/{each}/model.tar.gz" for each in (first, other)
    }
    read = {
        (grant.inputs["member"].partition("@")[0], grant.inputs["condition"]["expression"])
        for grant in graph.all("BucketIAMMember")
    }
    names = "projects/_/buckets/primus-models-model-bucket/objects/models"
    assert read == {
        (f"serviceAccount:{reader}", f'resource.name.startsWith("{names}/{model}/model.tar.gz")')
        for reader, model in (
            ("primus-sa", first),
            ("reader-acme", other),
            ("reader-borg", first),
            ("reader-borg", other),
        )
    }
    conditions = {
        name: graph.one("WorkloadIdentityPoolProvider", name).inputs["attributeCondition"]
        for name in (
            "primus-attestation",
            "primus-operator-acme-attestation",
            "primus-operator-borg-attestation",
        )
    }
    found = [(first in text, other in text) for text in conditions.values()]
    assert found == [(True, False), (False, True), (True, True)]


def test_a_version_that_two_models_have_in_common_is_stored_and_granted_once(
    primus: Deploy, folder: Path
) -> None:
    """The engine refuses a program that registers one URN twice; the mocks do not."""
    other = second_model(folder)
    first = sha256(folder, "model")
    graph = primus(
        models={"other": {**other, "admitAlso": {first: "model/model.tar.gz"}}},
        operators={"acme": {**ACME, "models": ["model", "other"]}},
    )
    urns = [resource.urn for resource in graph.resources]
    assert sorted(urns) == sorted(set(urns))
    assert len(graph.all("BucketObject")) == 2
    assert len([g for g in graph.all("BucketIAMMember") if "acme" in g.name]) == 2


def test_the_handovers_say_which_models_an_operator_may_use(primus: Deploy, folder: Path) -> None:
    """The first one is the default; a handover without names is as earlier versions read it."""
    graph = primus(
        models={"other": second_model(folder)},
        operators={
            "acme": {**ACME, "models": ["other", "model"]},
            "borg": {**ACME, "projectNumber": "444444444444"},
        },
    )
    first, other = sha256(folder, "model"), sha256(folder, "other")
    acme = graph.exports["handovers"]["acme"]
    assert acme["models"] == {"other": other, "model": first}
    assert acme["modelSha256"] == other
    assert acme["modelUri"] == f"gs://primus-models-model-bucket/models/{other}/model.tar.gz"
    assert acme["operatorNumber"] == "333333333333"
    for plain in (graph.exports["handovers"]["borg"], graph.exports["handover"]):
        assert "models" not in plain
        assert plain["modelSha256"] == first


def test_without_the_operator_that_has_no_name_only_named_outputs_are_exported() -> None:
    """Nobody takes the output of an operator that is not there."""
    config = {key: value for key, value in committed("primus").items() if key != "operator"}
    graph = deploy("primus", {**config, "operators": {"acme": ACME}})
    assert set(graph.exports) == {"handovers", "operators"}
    assert (
        graph.exports["operators"]["acme"]["attributeCondition"]
        == (graph.one("WorkloadIdentityPoolProvider").inputs["attributeCondition"])
    )
    assert deploy("primus", {**config, "operators": {}}).exports == {}


def test_an_operators_own_image_is_handed_over_admitted_and_looked_up(primus: Deploy) -> None:
    """The others get the image that the stack builds."""
    graph = primus(operators={"acme": {**ACME, "image": {"digest": B}}})
    assert graph.exports["handovers"]["acme"]["image"].endswith(f"/workload@{B}")
    assert graph.exports["operators"]["acme"]["imageDigests"] == [B]
    assert B not in graph.exports["attributeCondition"]
    with pytest.raises(Refused, match=f"got {B}, expected the digest of an image in"):
        deploy(
            "primus",
            {**committed("primus"), "operators": {"acme": {**ACME, "image": {"digest": B}}}},
            image_lookup="Error 404: not found",
        )


def test_a_stop_depends_on_no_image(folder: Path) -> None:
    """Neither on one that is gone, nor on one that could not load the operator's model."""
    models = {"other": second_model(folder, "litert")}
    gone = {**ACME, "stopped": True, "image": {"digest": B}}
    engine = {**ACME, "projectNumber": "444444444444", "stopped": True, "models": ["other"]}
    config = {**committed("primus"), "models": models, "operators": {"a": gone, "b": engine}}
    graph = deploy("primus", config, image_lookup="Error 404: not found")
    assert (
        len([p for p in graph.all("WorkloadIdentityPoolProvider") if "disabled" in p.inputs]) == 2
    )


def test_an_absent_image_is_reported_with_key_and_stack() -> None:
    """The command for the main stack would let go another image."""
    config = {**committed("primus"), "operators": {"acme": {**ACME, "image": {"digest": B}}}}
    with pytest.raises(
        Refused, match=r"operators.acme.image.digest: got .*--stack primus-eu --path"
    ):
        deploy("primus-eu", config, image_lookup="Error 404: not found")


def test_models_that_the_built_image_cannot_load_are_refused(primus: Deploy, folder: Path) -> None:
    """The image has one engine; an operator with an image of its own may use another."""
    models = {"other": second_model(folder, "litert")}
    with pytest.raises(Refused, match=r"operators.acme: the models other are of another format"):
        primus(models=models, operators={"acme": {**ACME, "models": ["other"]}})
    own = {**ACME, "models": ["other"], "image": {"digest": B}}
    graph = primus(models=models, operators={"acme": own})
    assert graph.one("Image").inputs["build"]["args"] == {"LOCK": "requirements.txt"}


def test_the_built_image_has_the_engine_of_those_who_launch_it(folder: Path) -> None:
    """Even if the first model is for an operator with an image of its own."""
    config = {key: value for key, value in committed("primus").items() if key != "operator"}
    graph = deploy(
        "primus",
        {
            **config,
            "models": {"other": second_model(folder, "litert")},
            "model": {},
            "operators": {
                "acme": {**ACME, "models": ["model"], "image": {"digest": B}},
                "borg": {**ACME, "projectNumber": "444444444444", "models": ["other"]},
            },
        },
    )
    assert graph.one("Image").inputs["build"]["args"] == {"LOCK": "requirements-litert.txt"}


def test_the_problems_of_all_models_are_reported_at_once(primus: Deploy, folder: Path) -> None:
    """Each with the key of its model."""
    models = {"other": second_model(folder), "third": {"archive": "x", "manifest": "y"}}
    (folder / "other" / "model.tar.gz").write_bytes(b"x")
    models["other"]["admitAlso"] = {"c3" * 32: "nowhere"}  # type: ignore[assignment]
    with pytest.raises(Refused, match=r"(?s)models.other.archive: .*models.third.manifest: "):
        primus(models=models)
    model_files.write(folder / "other")
    with pytest.raises(
        Refused, match=r"(?s)models.other.admitAlso: .*rm .*models.other.admitAlso.c3"
    ):
        primus(models={"other": models["other"]})


OTHER = {**HANDOVER, "operatorNumber": "333333333333", "operatorAccount": "a@b"}
TRIAL = {**HANDOVER, "operatorAccount": "trial-sa@secundus-vision.iam.gserviceaccount.com"}


@pytest.mark.parametrize(
    "peer",
    [
        {"handover": OTHER, "handovers": {"us": HANDOVER, "acme": OTHER}},
        {"handover": HANDOVER, "handovers": {"acme": OTHER}},
        {"handovers": {"us": HANDOVER}},
        {"handovers": {"trial": TRIAL, "us": HANDOVER}},
        {"handover": None, "handovers": {"acme": OTHER, "us": HANDOVER}},
    ],
)
def test_secundus_takes_the_handover_that_is_for_its_project_and_account(
    secundus: Deploy, peer: dict[str, Any]
) -> None:
    """Without any knowledge of the name that Primus gave it."""
    assert secundus(peer=peer).exports["image"] == HANDOVER["image"]


@pytest.mark.parametrize(
    ("peer", "message"),
    [
        (
            {"handover": OTHER, "handovers": {"acme": OTHER}},
            (
                r"admits 2 operators, and 0 of them are this stack.*operators.NAME.projectNumber'"
                r" 222222222222 && .*operators.NAME.serviceAccount' workload-sa@"
            ),
        ),
        (
            {"handover": HANDOVER, "handovers": {"us": HANDOVER}},
            r"admits 2 operators, and 2 of them are this stack",
        ),
        (
            {"handovers": {"acme": OTHER}},
            r"(?s)admits another machine.*operators.NAME.projectNumber' 222222222222",
        ),
        ({"handovers": {"us": {**HANDOVER, "stopped": True}}}, r"has stopped this operator"),
        ({"handovers": {}}, r"has published no 'handover' yet"),
        ({"handovers": "x"}, r"has published no 'handover' yet"),
    ],
)
def test_secundus_refuses_handovers_of_which_none_is_for_it(
    secundus: Deploy, peer: dict[str, Any], message: str
) -> None:
    """With the lines that Primus' people need, and the names of no other customer."""
    with pytest.raises(Refused, match=message) as refused:
        secundus(preview=True, peer=peer)
    assert refused.value.declared == []


MODELS = {"small": "c3" * 32, "large": "d4" * 32}


def test_secundus_launches_the_model_that_it_chooses(secundus: Deploy) -> None:
    """By the name that Primus gave it; without a choice, the default one."""
    peer = {"handover": {**HANDOVER, "models": MODELS}}
    for chosen, expected in ((None, "c3"), ("small", "c3"), ("large", "d4")):
        graph = secundus(peer=peer, **({"model": chosen} if chosen else {}))
        metadata = graph.one("Instance").inputs["metadata"]
        assert metadata["tee-env-MODEL_SHA256"] == expected * 32
        assert metadata["tee-env-MODEL_URI"] == (
            f"gs://primus-models-model-bucket/models/{expected * 32}/model.tar.gz"
        )


def test_the_model_without_a_name_can_be_chosen_by_its_name(secundus: Deploy) -> None:
    """It is not published by name where it is the only one."""
    metadata = secundus(model="model").one("Instance").inputs["metadata"]
    assert metadata["tee-env-MODEL_SHA256"] == HANDOVER["modelSha256"]


@pytest.mark.parametrize(
    ("models", "message"),
    [
        (MODELS, "model: got 'huge', expected a model that .*primus gives .*: large, small;"),
        (None, "gives this company: model; nothing"),
        ({f"m{n}": "c3" * 32 for n in range(99)}, "m17, and 89 more; nothing"),
    ],
)
def test_secundus_cannot_choose_a_model_that_it_is_not_given(
    secundus: Deploy, models: dict[str, str] | None, message: str
) -> None:
    """The run would end with a refusal that nobody could explain."""
    peer = {"handover": {**HANDOVER, **({"models": models} if models else {})}}
    with pytest.raises(Refused, match=message):
        secundus(preview=True, peer=peer, model="huge")


@pytest.mark.parametrize(
    ("models", "stopped"),
    [
        ("x", False),
        ({"small": "x"}, False),
        ({"Small": "c3" * 32}, False),
        ({"small": "d4" * 32}, False),
        ({"small": ["c3" * 32]}, False),
        (MODELS, "yes"),
    ],
)
def test_a_handover_with_invalid_models_is_refused(
    secundus: Deploy, models: object, stopped: object
) -> None:
    """Each would be launched, or not, by a value that means nothing."""
    peer = {"handover": {**HANDOVER, "models": models, "stopped": stopped}}
    with pytest.raises(Refused, match=r"- (models|stopped): got "):
        secundus(preview=True, peer=peer)


STAGE = "organization/confidential-inference/primus-eu"
MAIN = "organization/confidential-inference/primus"


@pytest.mark.parametrize("existing", [STAGE, MAIN])
def test_the_peer_of_a_stage_is_the_same_stage_or_else_the_main_stack(existing: str) -> None:
    """A company with many customers has one stack for all of them."""
    config = {**committed("secundus"), "names": {"serviceAccount": "workload-sa"}}
    graph = deploy("secundus-eu", config, peer={"handover": HANDOVER}, peer_stack=existing)
    assert graph.one("Instance").inputs["name"] == "workload-vm-eu"
    with pytest.raises(Refused, match=f"{STAGE} or {MAIN} does not exist"):
        deploy("secundus-eu", config, peer={"handover": HANDOVER}, peer_stack="other")


def test_a_stage_shares_no_name_with_the_main_stack() -> None:
    """Both can be in one project."""
    names = [
        {
            value
            for r in deploy(stack, committed("primus")).resources
            for key, value in r.inputs.items()
            if key in ("name", "accountId", "repositoryId") and r.type != "BucketObject"
            if not str(value).startswith("models/")
        }
        for stack in ("primus", "primus-eu")
    ]
    assert names[0]
    assert not names[0] & names[1]


def test_warnings_name_the_stack_in_their_commands() -> None:
    """The main stack is another deployment."""
    config = {**committed("secundus"), "names": {"serviceAccount": "workload-sa"}}
    graph = deploy("secundus-eu", config, peer={"handover": HANDOVER})
    (warning,) = (each for each in graph.warnings if "approvedDigests" in each)
    assert "pulumi config set --stack secundus-eu --path" in warning


def test_one_key_stops_all_operators(primus: Deploy) -> None:
    """Whatever an operator's own `stopped` says."""
    acme = {**ACME, "stopped": False}
    running, stopped = (primus(operators={"acme": acme}, stopped=value) for value in (False, True))
    providers = stopped.all("WorkloadIdentityPoolProvider")
    assert [each.inputs["disabled"] for each in providers] == [True, True]
    assert [each.inputs["disabled"] for each in stopped.all("Account")] == [True, True]
    assert stopped.all("BucketIAMMember") == []
    assert not inputs(stopped).keys() - inputs(running).keys()
    assert stopped.exports["handover"]["stopped"] is True
    assert "stopped" not in running.exports["handover"]
