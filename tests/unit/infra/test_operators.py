"""Several operators and models: what each operator is admitted with, and what is refused."""

from __future__ import annotations

import json
from typing import Any

import pytest

from infra.config import primus_settings
from infra.config.problems import SettingsError
from infra.config.releases import MAX_MODELS, Release
from infra.stack_name import StackName
from tests.fixtures.stack_files import committed

A, B, C = ("sha256:" + 32 * pair for pair in ("a1", "b2", "c3"))
ACME = {"project": "acme-vision", "projectNumber": "333333333333"}
BORG = {"project": "borg-vision", "projectNumber": "444444444444"}
SMALL = {"archive": "small.tar.gz", "manifest": "small.json"}
LARGE = {"archive": "large.tar.gz", "manifest": "large.json"}


def parsed(*without: str, rest: str = "", **changes: Any) -> primus_settings.PrimusSettings:
    """The committed settings with changes, as the engine gives them, without some keys."""
    values = {**committed("primus"), **changes}
    text = {
        key: value if isinstance(value, str) else json.dumps(value)
        for key, value in values.items()
        if key not in without
    }
    return primus_settings.parse(text, StackName("primus", rest))


def releases(*without: str, rest: str = "", **changes: Any) -> dict[str, Release]:
    """The releases by their operators' names."""
    return {each.name: each for each in parsed(*without, rest=rest, **changes).releases}


def test_one_operator_without_a_name_is_all_that_is_needed() -> None:
    """The committed file: its release has the names of earlier versions."""
    assert releases() == {
        "": Release(
            name="",
            project="secundus-vision",
            project_number="222222222222",
            service_account="workload-sa@secundus-vision.iam.gserviceaccount.com",
            digest=None,
            admit_also=(),
            hardware=("GCP_AMD_SEV", "GCP_INTEL_TDX"),
            models=("model",),
            stopped=False,
            pool="primus-wip",
            reader="primus-sa",
        )
    }


def test_named_operators_stand_beside_the_one_without_a_name() -> None:
    """A second customer needs no change of the first one's configuration."""
    every = releases(operators={"acme": ACME, "borg": BORG})
    assert list(every) == ["", "acme", "borg"]
    assert every["acme"] == Release(
        name="acme",
        project="acme-vision",
        project_number="333333333333",
        service_account="workload-sa@acme-vision.iam.gserviceaccount.com",
        digest=None,
        admit_also=(),
        hardware=("GCP_AMD_SEV", "GCP_INTEL_TDX"),
        models=("model",),
        stopped=False,
        pool="primus-wip-acme",
        reader="reader-acme",
    )
    assert every[""] == releases()[""]


@pytest.mark.parametrize("operators", [{}, {"acme": ACME}])
def test_with_named_operators_there_need_be_no_other(operators: dict[str, Any]) -> None:
    """And with none at all, nobody is admitted."""
    assert list(releases("operator", operators=operators)) == list(operators)


def test_what_an_operator_has_of_its_own_is_not_that_of_all() -> None:
    """Each key by itself."""
    own = {
        "serviceAccount": "vision-sa@acme-vision.iam.gserviceaccount.com",
        "hardware": ["GCP_INTEL_TDX"],
        "image": {"digest": B, "admitAlso": [C]},
        "models": ["large", "small"],
        "stopped": True,
        "names": {"pool": "their-pool", "serviceAccount": "their-reader"},
    }
    acme = releases(
        image={"digest": A},
        operators={"acme": {**ACME, **own}},
        models={"small": SMALL, "large": LARGE},
        model=SMALL,
    )["acme"]
    assert acme.service_account == own["serviceAccount"]
    assert acme.hardware == ("GCP_INTEL_TDX",)
    assert (acme.digest, acme.admit_also) == (B, (C,))
    assert acme.models == ("large", "small")
    assert acme.stopped is True
    assert (acme.pool, acme.reader) == ("their-pool", "their-reader")


@pytest.mark.parametrize(
    ("own", "expected"),
    [
        ({}, (A, (B,))),
        ({"digest": C}, (C, ())),
        ({"admitAlso": [C]}, (A, (C,))),
        ({"admitAlso": []}, (A, ())),
        ({"digest": C, "admitAlso": [B]}, (C, (B,))),
    ],
)
def test_an_operators_own_digest_does_not_let_in_the_images_of_all(
    own: dict[str, Any], expected: tuple[str, tuple[str, ...]]
) -> None:
    """Whoever pins one operator's image means that image."""
    acme = releases(
        image={"digest": A, "admitAlso": [B]}, operators={"acme": {**ACME, "image": own}}
    )["acme"]
    assert (acme.digest, acme.admit_also) == expected


@pytest.mark.parametrize(
    ("changes", "without", "expected"),
    [
        ({}, (), ("model",)),
        ({"models": {"small": SMALL}}, (), ("model",)),
    ],
)
def test_an_operator_gets_the_model_without_a_name(
    changes: dict[str, Any], without: tuple[str, ...], expected: tuple[str, ...]
) -> None:
    """Never another because nobody said which."""
    assert releases(*without, operators={"acme": ACME}, **changes)["acme"].models == expected


def test_names_of_a_stage_end_with_it() -> None:
    """So that two stages fit into one project; a pool's id has a random suffix anyway."""
    acme = releases(rest="-staging", operators={"acme": ACME})["acme"]
    assert acme.reader == "reader-acme-staging"
    assert acme.pool == "primus-wip-acme-staging"
    assert acme.service_account.startswith("workload-sa-staging@")
    long = releases(rest="-staging", operators={"contoso-health": ACME})["contoso-health"]
    assert long.pool == "primus-wip-contoso-health"


SAME = {**ACME, "project": "secundus-vision", "projectNumber": "222222222222"}
BAD: dict[str, tuple[dict[str, Any], str]] = {
    "a name with a capital": ({"operators": {"Acme": ACME}}, r"operators.Acme\n.*a name of your o"),
    "a name with a dot": ({"operators": {"a.b": ACME}}, r"operators.a.b\n.*a name of your own"),
    "a name that is too long": ({"operators": {"a" * 24: ACME}}, "a name of your own"),
    "a list": ({"operators": [ACME]}, r"operators\n.*an object for each operator"),
    "a text for an operator": ({"operators": {"acme": "x"}}, r"operators.acme\n.*an object for"),
    "nothing for an operator": (
        {"operators": {"acme": None}},
        r"operators.acme.project\n.*operators.acme.projectNumber\n",
    ),
    "a misspelt key": (
        {"operators": {"acme": {**ACME, "stoped": True}}},
        r"operators.acme.stoped\n.*operators.acme.stopped\?",
    ),
    "stopped is a word": (
        {"operators": {"acme": {**ACME, "stopped": "yes"}}},
        r"operators.acme.stopped\n.*true or false",
    ),
    "stopped is nothing": (
        {"operators": {"acme": {**ACME, "stopped": None}}},
        r"operators.acme.stopped\n.*nothing.*true or false",
    ),
    "two of one account": (
        {"operators": {"acme": SAME}},
        r"operators.acme.serviceAccount\n.*than that of operator\n.*would stop nothing",
    ),
    "an account that reads another's model": (
        {
            "operators": {
                "acme": {
                    "project": "primus-models",
                    "projectNumber": "111111111111",
                    "serviceAccount": "primus-sa@primus-models.iam.gserviceaccount.com",
                }
            }
        },
        r"operators.acme.serviceAccount\n.*without any attestation",
    ),
    "one project, two numbers": (
        {"operators": {"acme": {"project": "primus-models", "projectNumber": "333333333333"}}},
        r"operators.acme.projectNumber\n.*one number for one project",
    ),
    "no hardware": (
        {"operators": {"acme": {**ACME, "hardware": []}}},
        r"operators.acme.hardware\[0\]\n",
    ),
    "a reader for two": (
        {"operators": {"acme": {**ACME, "names": {"serviceAccount": "primus-sa"}}}},
        r"operators.acme.names.serviceAccount\n.*would read the models of the other.*reader-acme",
    ),
    "an unknown model": (
        {"operators": {"acme": {**ACME, "models": ["huge"]}}, "models": {"small": SMALL}},
        r"operators.acme.models\n.*'huge'.*at least one of model, small",
    ),
    "no model of several": (
        {"operators": {"acme": {**ACME, "models": []}}},
        r"operators.acme.models\n.*no model.*have nothing to load",
    ),
    "a model twice": (
        {"operators": {"acme": {**ACME, "models": ["model", "model"]}}},
        r"operators.acme.models\[1\]\n.*each entry once",
    ),
    "a model of that name": (
        {"models": {"model": SMALL}},
        r"models.model\n.*another name.*unclear which of the two",
    ),
    "a model without a manifest": (
        {"models": {"small": {"archive": "x"}}},
        r"models.small.manifest\n",
    ),
    "too many models": (
        {
            "operator": {
                "project": "secundus-vision",
                "projectNumber": "222222222222",
                "models": [f"m{n}" for n in range(MAX_MODELS)],
            },
            "models": {
                f"m{n}": {**SMALL, **({"admitAlso": {"c3" * 32: "old"}} if not n else {})}
                for n in range(MAX_MODELS)
            },
        },
        rf"operator.models\n.*{MAX_MODELS + 1} models .*at most {MAX_MODELS}",
    ),
}


@pytest.mark.parametrize(("changes", "expected"), BAD.values(), ids=BAD)
def test_values_that_defeat_a_release_are_refused(changes: dict[str, Any], expected: str) -> None:
    """With the operator's own key, and a command."""
    with pytest.raises(SettingsError, match=f"(?s){expected}") as caught:
        parsed(**changes)
    assert "fix:         pulumi config " in str(caught.value)


def test_as_many_models_as_google_takes_are_accepted() -> None:
    """The limit itself is no error."""
    models = {f"m{n}": SMALL for n in range(MAX_MODELS)}
    acme = {**ACME, "models": list(models)}
    assert len(releases(operators={"acme": acme}, models=models)["acme"].models) == MAX_MODELS


def test_no_model_at_all_is_refused() -> None:
    """Two keys could say so: the one without a name is left out, and there are no others."""
    with pytest.raises(SettingsError, match=r"(?s)models\n.*no model.*nothing to release.*rm "):
        parsed("model", models={})


@pytest.mark.parametrize("models", [{"small": SMALL}, {"small": SMALL, "large": LARGE}])
def test_an_operator_must_choose_among_named_models(models: dict[str, Any]) -> None:
    """Else the first model that is added would take the place of the one without a key."""
    with pytest.raises(SettingsError, match=r"(?s)operator.models\n.*no model"):
        parsed("model", models=models)


def test_an_id_that_becomes_too_long_is_reported_where_it_can_be_set() -> None:
    """An operator's name and a stage may each be fine."""
    with pytest.raises(
        SettingsError,
        match=r"(?s)operators.contoso-health-care.names.serviceAccount\n.*34 characters",
    ):
        releases(rest="-staging", operators={"contoso-health-care": ACME})
