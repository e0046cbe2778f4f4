"""All problems of a stack's configuration are reported at once, each with a fix."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from infra.config import primus_settings, secundus_settings
from infra.config.problems import NAMESPACE, SettingsError
from tests.fixtures.stack_files import committed

if TYPE_CHECKING:
    from collections.abc import Callable

    from infra.config.primus_settings import PrimusSettings
    from infra.config.secundus_settings import SecundusSettings

DIGEST = "sha256:" + "a1" * 32
PEER = "organization/confidential-inference/primus"


def as_handed_over(values: dict[str, Any]) -> dict[str, object]:
    """Configuration as the engine gives it to a program: text, or JSON text."""
    return {
        key: value if isinstance(value, str) else json.dumps(value)
        for key, value in values.items()
        if value is not None
    }


def primus(**changes: Any) -> PrimusSettings:
    """The committed settings of Primus with some keys replaced (None removes one)."""
    return primus_settings.parse(as_handed_over({**committed("primus"), **changes}))


def secundus(**changes: Any) -> SecundusSettings:
    """The committed settings of Secundus with some keys replaced (None removes one)."""
    return secundus_settings.parse(as_handed_over({**committed("secundus"), **changes}))


def test_committed_primus_is_the_published_example() -> None:
    """Every default, and every value that the stack file states."""
    settings = primus()
    assert (settings.project, settings.project_number) == ("primus-models", "111111111111")
    assert settings.region == "us-west1"
    assert settings.labels == {}
    assert settings.force_destroy is False
    assert settings.names.model_bucket == "primus-models-model-bucket"
    assert settings.names.service_account == "primus-sa"
    assert settings.names.pool == "primus-wip"
    assert settings.names.provider == "primus-wip-provider"
    assert settings.names.repository == "primus-models-artifact-repo"
    assert settings.operator is not None
    assert settings.model is not None
    assert settings.operator.project == "secundus-vision"
    assert settings.operator.project_number == "222222222222"
    assert settings.operator.service_account == (
        "workload-sa@secundus-vision.iam.gserviceaccount.com"
    )
    assert settings.model.archive == Path("model/model.tar.gz")
    assert settings.model.manifest == Path("model/manifest.json")
    assert settings.model.admit_also == {}
    assert settings.image.digest is None
    assert settings.image.admit_also == ()
    assert settings.hardware == ("GCP_AMD_SEV", "GCP_INTEL_TDX")


def test_committed_secundus_is_the_published_example() -> None:
    """Every default, and every value that the stack file states."""
    settings = secundus()
    assert (settings.project, settings.project_number) == ("secundus-vision", "222222222222")
    assert (settings.region, settings.zone) == ("us-west1", "us-west1-b")
    assert settings.names.input_bucket == "secundus-vision-input-bucket"
    assert settings.names.result_bucket == "secundus-vision-result-bucket"
    assert settings.names.service_account == "workload-sa"
    assert settings.names.network == "workload-network"
    assert settings.names.subnetwork == "workload-subnet"
    assert settings.names.firewall == "workload-deny-ingress"
    assert settings.names.vm == "workload-vm"
    assert settings.author.project == "primus-models"
    assert settings.author.project_number == "111111111111"
    assert settings.peer is None
    assert settings.model is None
    assert settings.approved_digests is None
    assert settings.image is None
    assert settings.confidential_space_image == (
        "projects/confidential-space-images/global/images/confidential-space-260900"
    )
    assert (settings.confidential_type, settings.machine_type) == ("SEV", "n2d-standard-2")
    assert settings.operators == ("user:deployer@secundus.example",)
    assert settings.pictures == Path("model/pictures")
    assert settings.run == "1"


def test_every_key_can_be_overridden() -> None:
    """No value of a key is ignored."""
    settings = primus(
        region="europe-west4",
        labels={"team": "models", "paid": True},
        forceDestroy="true",
        protect=["modelBucket", "pool"],
        names={
            "modelBucket": "my-bucket",
            "serviceAccount": "my-reader",
            "pool": "my-pool",
            "provider": "my-provider",
            "repository": "my-repo",
        },
        operator={
            "project": "other-project",
            "projectNumber": 333333333333,
            "serviceAccount": "other-sa@other-project.iam.gserviceaccount.com",
        },
        model={"archive": "a.tar.gz", "manifest": "m.json", "admitAlso": {"c3" * 32: "old.tar.gz"}},
        image={"digest": DIGEST, "admitAlso": ["sha256:" + "b2" * 32]},
        hardware=["GCP_INTEL_TDX"],
    )
    assert settings.labels == {"team": "models", "paid": "true"}
    assert settings.force_destroy is True
    assert settings.protect == ("modelBucket", "pool")
    assert vars(settings.names) == {
        "model_bucket": "my-bucket",
        "service_account": "my-reader",
        "pool": "my-pool",
        "provider": "my-provider",
        "repository": "my-repo",
    }
    assert settings.operator is not None
    assert settings.model is not None
    assert settings.operator.project_number == "333333333333"  # `config set --path` stores a number
    assert settings.operator.service_account == "other-sa@other-project.iam.gserviceaccount.com"
    assert settings.model.archive == Path("a.tar.gz")
    assert settings.model.manifest == Path("m.json")
    assert settings.model.admit_also == {"c3" * 32: Path("old.tar.gz")}
    assert settings.image.digest == DIGEST
    assert settings.image.admit_also == ("sha256:" + "b2" * 32,)
    assert settings.hardware == ("GCP_INTEL_TDX",)


def test_every_key_of_secundus_can_be_overridden() -> None:
    """No value of a key is ignored."""
    settings = secundus(
        region="europe-west4",
        zone="europe-west4-a",
        names={
            "inputBucket": "in-bucket",
            "resultBucket": "out-bucket",
            "serviceAccount": "my-workload",
            "network": "n",
            "subnetwork": "s",
            "firewall": "f",
            "vm": "v",
            "group": "g",
            "topic": "my-topic",
            "deadLetters": "my-dead-letters",
        },
        peer="acme/models/primus",
        approvedDigests=[DIGEST],
        image=f"europe-west4-docker.pkg.dev/p/r/w@{DIGEST}",
        confidentialType="TDX",
        machineType="c3-standard-8",
        operators=["group:ops@acme.example", "serviceAccount:ci@acme.iam.gserviceaccount.com"],
        pictures="elsewhere",
        run="again",
    )
    assert vars(settings.names) == {
        "input_bucket": "in-bucket",
        "result_bucket": "out-bucket",
        "service_account": "my-workload",
        "network": "n",
        "subnetwork": "s",
        "firewall": "f",
        "vm": "v",
        "group": "g",
        "topic": "my-topic",
        "dead_letters": "my-dead-letters",
    }
    assert settings.zone == "europe-west4-a"
    assert settings.peer == "acme/models/primus"
    assert settings.approved_digests == (DIGEST,)
    assert settings.image == f"europe-west4-docker.pkg.dev/p/r/w@{DIGEST}"
    assert (settings.confidential_type, settings.machine_type) == ("TDX", "c3-standard-8")
    assert settings.operators[0] == "group:ops@acme.example"
    assert settings.pictures == Path("elsewhere")
    assert settings.run == "again"


def test_defaults_follow_the_keys_on_which_they_depend() -> None:
    """The zone follows the region, and the machine follows the confidential type."""
    settings = secundus(
        region="us-central1", zone=None, confidentialType="TDX", machineType=None, pictures=None
    )
    assert settings.zone == "us-central1-b"
    assert settings.machine_type == "c3-standard-4"
    assert settings.pictures is None


def test_the_home_folder_of_an_unknown_person_is_not_expanded() -> None:
    """The file that cannot be found is an error with this path, and no stack trace."""
    settings = primus(model={"archive": "~no-such-person/model.tar.gz"})
    assert settings.model is not None
    assert settings.model.archive == Path("~no-such-person/model.tar.gz")


BAD: dict[str, tuple[Callable[..., object], dict[str, Any], str]] = {
    "run by pictures that are not there": (
        secundus,
        {"run": "onNewPictures", "pictures": None},
        "run\n.*'onNewPictures'.*`pictures` set to the folder.*no machine would run again",
    ),
    "run by pictures, misspelt": (secundus, {"run": "OnNewPictures"}, "run\n.*follow no picture"),
    "project missing": (primus, {"project": None}, "project\n    got:         nothing"),
    "project malformed": (primus, {"project": "Primus"}, "project\n    got:         'Primus'"),
    "projectNumber missing": (secundus, {"projectNumber": None}, "projectNumber\n.*nothing"),
    "projectNumber an id": (primus, {"projectNumber": "primus-models"}, "a project number: digits"),
    "region malformed": (primus, {"region": "the moon"}, "a region, such as us-west1"),
    **{
        f"region {place} for a bucket": (primus, {"region": place}, "a multi-region: us, europe")
        for place in ("EU", "eu", "US", "nam4", "global", "us-west1-b")
    },
    "multi-region for a machine": (secundus, {"region": "us"}, "and not a multi-region"),
    "zone malformed": (secundus, {"zone": "b"}, "a zone, such as us-west1-b"),
    "zone of another region": (
        secundus,
        {"zone": "us-east1-b"},
        "a zone of region us-west1.*:zone' us-west1-b",
    ),
    "label key": (primus, {"labels": {"Team": "x"}}, "labels.Team\n.*a label key"),
    "label value": (primus, {"labels": {"team": "X Y"}}, "labels.team\n.*a label value"),
    "labels no object": (primus, {"labels": "team=x"}, "labels\n.*an object with keys"),
    "forceDestroy": (primus, {"forceDestroy": "yes"}, "forceDestroy\n.*true or false"),
    "protect of primus": (primus, {"protect": ["bucket"]}, "protect.0.\n.*modelBucket or pool"),
    "protect of secundus": (secundus, {"protect": ["pool"]}, "protect.0.\n.*resultBucket"),
    "names.modelBucket": (primus, {"names": {"modelBucket": "Bad"}}, "a bucket name"),
    "names.serviceAccount": (primus, {"names": {"serviceAccount": "x"}}, "a service account id"),
    "names.pool": (primus, {"names": {"pool": "gcp"}}, "names.pool\n.*before its suffix: 1 to 25"),
    "names.pool too long": (primus, {"names": {"pool": "p" * 26}}, "names.pool\n.*1 to 25"),
    "names.provider": (primus, {"names": {"provider": "x"}}, "names.provider\n.*4 to 32"),
    "names.repository": (primus, {"names": {"repository": "9"}}, "a repository id"),
    "names.resultBucket the input bucket": (
        secundus,
        {"names": {"resultBucket": "secundus-vision-input-bucket"}},
        "names.resultBucket\n.*another bucket than names.inputBucket",
    ),
    "names.vm": (secundus, {"names": {"vm": "Bad_Name"}}, "names.vm\n.*a name: a-z"),
    "names.network": (secundus, {"names": {"network": "-"}}, "names.network\n.*a name: a-z"),
    "operator missing": (primus, {"operator": None}, "operator.project\n.*operator.projectNumber"),
    "operator a text": (primus, {"operator": "secundus"}, "operator\n.*an object with keys"),
    "operator.serviceAccount": (
        primus,
        {"operator": {**committed("primus")["operator"], "serviceAccount": "me@x.com"}},
        "operator.serviceAccount\n.*e-mail address of a service account",
    ),
    "model.archive": (primus, {"model": {"archive": "a\nb"}}, "model.archive\n.*a path"),
    "model.admitAlso": (
        primus,
        {"model": {"admitAlso": {DIGEST: "a"}}},
        "admitAlso.sha256:a1.*64 hex",
    ),
    "model.admitAlso without archives": (
        primus,
        {"model": {"admitAlso": ["c3" * 32, "d4" * 32]}},
        r"admitAlso\n.*an object with keys, each 64 hex.*each a path.*rm .*o.c3c3.*set .*o.d4d4",
    ),
    "image.digest a tag": (primus, {"image": {"digest": "latest"}}, "image.digest\n.*never a tag"),
    "image.admitAlso no list": (primus, {"image": {"admitAlso": DIGEST}}, "a list, each entry"),
    "image.admitAlso twice": (
        primus,
        {"image": {"admitAlso": [DIGEST, DIGEST]}},
        r"image.admitAlso\[1\]\n.*each entry once.*config rm",
    ),
    "hardware unknown": (primus, {"hardware": ["AMD_SEV"]}, r"hardware\[0\]\n.*GCP_AMD_SEV"),
    "hardware empty": (primus, {"hardware": []}, "an empty list"),
    "hardware with nothing under it": (primus, {"hardware": ""}, "an empty list"),
    "author missing": (secundus, {"author": None}, "author.project\n.*author.projectNumber"),
    "peer malformed": (secundus, {"peer": "a/b/c/d"}, "peer\n.*ORGANIZATION/PROJECT/STACK"),
    "approvedDigests empty": (secundus, {"approvedDigests": []}, "an empty list approves nothing"),
    # what a YAML list whose last entry was removed comes as
    "approvedDigests with nothing under it": (
        secundus,
        {"approvedDigests": ""},
        "approvedDigests\n.*an empty list approves nothing",
    ),
    "approvedDigests a tag": (secundus, {"approvedDigests": ["v1"]}, r"approvedDigests\[0\]\n"),
    "image by tag": (secundus, {"image": "r.example/w:v1"}, "image\n.*by digest"),
    "confidentialSpaceImage missing": (
        secundus,
        {"confidentialSpaceImage": None},
        "confidentialSpaceImage\n    got:         nothing.*gcloud compute images list",
    ),
    "confidentialSpaceImage a family": (
        secundus,
        {
            "confidentialSpaceImage": "projects/confidential-space-images/global/images/family"
            "/confidential-space"
        },
        "confidentialSpaceImage\n.*a family moves",
    ),
    "confidentialSpaceImage debug": (
        secundus,
        {
            "confidentialSpaceImage": "projects/confidential-space-images/global/images"
            "/confidential-space-debug-260900"
        },
        "confidentialSpaceImage\n.*a debug image is never given the model",
    ),
    "SEV_SNP": (secundus, {"confidentialType": "SEV_SNP"}, "issues no token for AMD SEV-SNP"),
    "confidentialType unknown": (secundus, {"confidentialType": "SGX"}, "SEV or TDX"),
    "SEV on an Intel machine": (
        secundus,
        {"machineType": "c3-standard-4"},
        "machineType\n.*attests with SEV: n2d-standard-2.*:machineType' n2d-standard-2",
    ),
    "TDX on an AMD machine": (
        secundus,
        {"confidentialType": "TDX"},
        "machineType\n.*attests with TDX: c3-standard-4.*:machineType' c3-standard-4",
    ),
    "a machine type that is none": (
        secundus,
        {"machineType": "N2D Standard"},
        "machineType\n.*a machine type such as.*:machineType' n2d-standard-2",
    ),
    "SEV on a machine without it": (secundus, {"machineType": "e2-standard-2"}, "machineType\n"),
    "operators open to all": (secundus, {"operators": ["allUsers"]}, r"operators\[0\]\n"),
    "operators no list": (secundus, {"operators": "user:a@b.c"}, "operators\n.*a list, each"),
    "operators the same twice in other case": (
        secundus,
        {"operators": ["user:you@example.com", "user:You@Example.com"]},
        r"operators\[1\]\n.*'user:You@Example.com'.*each member once.*config rm",
    ),
    "operators a service account as a user": (
        secundus,
        {"operators": ["user:ci@acme-build.iam.gserviceaccount.com"]},
        r"operators\[0\]\n.*an e-mail address of that kind",
    ),
    "operator.serviceAccount the reader": (
        primus,
        {
            "operator": {
                **committed("primus")["operator"],
                "serviceAccount": "primus-sa@primus-models.iam.gserviceaccount.com",
            }
        },
        r"operator.serviceAccount\n.*another account than a model's reader.*without any.*rm ",
    ),
    "operator.serviceAccount the reader, by its name": (
        primus,
        {
            "operator": {"project": "primus-models", "projectNumber": "111111111111"},
            "names": {"serviceAccount": "workload-sa"},
        },
        "operator.serviceAccount\n.*another account than a model's reader",
    ),
    "operator the own project under another number": (
        primus,
        {"operator": {"project": "primus-models", "projectNumber": "222222222222"}},
        "operator.projectNumber\n.*one number for one project",
    ),
    "operator another project under the own number": (
        primus,
        {"operator": {"project": "secundus-vision", "projectNumber": "111111111111"}},
        "operator.projectNumber\n.*one number for one project",
    ),
    "author another project under the own number": (
        secundus,
        {"author": {"project": "primus-models", "projectNumber": "222222222222"}},
        "author.projectNumber\n.*one number for one project",
    ),
    "operator.projectNumber 0": (
        primus,
        {"operator": {"project": "secundus-vision", "projectNumber": 0}},
        "operator.projectNumber\n.*a project number: digits",
    ),
    "labels one more than there may be": (
        secundus,
        {"labels": {f"l{n}": "x" for n in range(64)}},
        "labels\n.*64 labels.*at most 63: .*config rm --stack secundus",
    ),
    **{
        f"run with {what}": (
            secundus,
            {"run": f"1{character}"},
            "run\n.*200 characters in one line",
        )
        for what, character in {
            "NUL": "\0",
            "a line break": "\n",
            "an escape": "\x1b",
            "a line separator": "\u2028",
            "too much": "x" * 200,
        }.items()
    },
    **{
        f"{key} nested too deeply": (parse, {key: "[" * 100_000}, rf"{key}(\[0\])?\n.*'\[\[\[")
        for parse, key in (
            (primus, "hardware"),
            (primus, "image"),
            (primus, "labels"),
            (secundus, "operators"),
            (secundus, "approvedDigests"),
        )
    },
    **{
        f"{key} nested deeply": (parse, {key: "[" * 500 + "]" * 500}, rf"{key}(\[0\])?\n.*\[\[\[")
        for parse, key in ((primus, "hardware"), (primus, "image"), (secundus, "operators"))
    },
    "image.digest the example's": (
        primus,
        {"image": {"digest": "sha256:" + "0" * 64}},
        "image.digest\n.*the digest of an image",
    ),
    "model.admitAlso the example's": (
        primus,
        {"model": {"admitAlso": {"0" * 64: "a.tar.gz"}}},
        r"model.admitAlso.0+\n.*SHA-256",
    ),
    "pictures": (secundus, {"pictures": "a\nb"}, "pictures\n.*a path"),
}


@pytest.mark.parametrize(("parse", "changes", "expected"), BAD.values(), ids=BAD)
def test_an_invalid_value_is_reported_with_consequence_and_fix(
    parse: Callable[..., object], changes: dict[str, Any], expected: str
) -> None:
    """For every key, the fix is a command."""
    with pytest.raises(SettingsError, match=f"(?s){expected}") as caught:
        parse(**changes)
    for problem in caught.value.problems:
        assert problem.consequence
        assert re.match(
            rf"pulumi config (set|rm) --stack (primus|secundus) --path '{NAMESPACE}:", problem.fix
        )


GOOD: dict[str, tuple[Callable[..., object], dict[str, Any]]] = {
    "one company's trial in one project": (
        primus,
        {"operator": {"project": "primus-models", "projectNumber": "111111111111"}},
    ),
    "the same, seen from the other side": (
        secundus,
        {"author": {"project": "secundus-vision", "projectNumber": "222222222222"}},
    ),
    "as many labels as there may be": (secundus, {"labels": {f"l{n}": "" for n in range(63)}}),
    "a group beside a person": (
        secundus,
        {"operators": ["group:ops@example.com", "user:ops@example.com"]},
    ),
    "a date": (secundus, {"run": "Do 26. Nov 01:16:43 CET 2026, zweiter Lauf, größer"}),
}


@pytest.mark.parametrize(("parse", "changes"), GOOD.values(), ids=GOOD)
def test_an_unusual_value_is_accepted(
    parse: Callable[..., object], changes: dict[str, Any]
) -> None:
    """The rules refuse no value that Google accepts."""
    assert parse(**changes)


UNKNOWN: dict[str, tuple[Callable[..., object], dict[str, Any], str]] = {
    "misspelt at the top": (secundus, {"confidentalType": "TDX"}, r"confidentialType\?"),
    "misspelt in an object": (primus, {"image": {"digset": DIGEST}}, r"image.digset\n.*digest\?"),
    "the other company's key": (primus, {"pictures": "x"}, "pictures\n.*one of project"),
    "the other company's name": (primus, {"names": {"vm": "x"}}, "names.vm\n.*one of modelBucket"),
    "a path without --path": (
        primus,
        {"operator.project": "x"},
        r"operator as an object.*--path\n.*config rm --stack primus 'conf[a-z-]+:operator.project'",
    ),
}


@pytest.mark.parametrize(("parse", "changes", "expected"), UNKNOWN.values(), ids=UNKNOWN)
def test_unknown_key_is_an_error_that_names_the_nearest(
    parse: Callable[..., object], changes: dict[str, Any], expected: str
) -> None:
    """A misspelt key would silently change nothing."""
    with pytest.raises(SettingsError, match=f"(?s){expected}"):
        parse(**changes)


def test_all_problems_are_reported_together() -> None:
    """One preview reports malformed, missing and unknown keys, at any depth."""
    with pytest.raises(SettingsError) as caught:
        primus(project="X", region="Y", operator={"project": "secundus-vision"}, nosuch="1")
    assert [problem.key for problem in caught.value.problems] == [
        "project",
        "region",
        "operator.projectNumber",
        "nosuch",
    ]
    assert "4 problems in the configuration of stack 'primus'" in str(caught.value)


def test_the_fix_names_stack_key_and_an_example() -> None:
    """It can be pasted into a shell."""
    with pytest.raises(SettingsError) as caught:
        primus(operator={"project": "secundus-vision"})
    (problem,) = caught.value.problems
    assert problem.fix == (
        "pulumi config set --stack primus --path"
        " 'confidential-inference:operator.projectNumber' 123456789012"
    )


def test_a_long_value_is_cut_in_the_report() -> None:
    """A pasted file must not push the other problems off the screen."""
    with pytest.raises(SettingsError) as caught:
        primus(project="x" * 5000)
    assert len(str(caught.value)) < 1000
