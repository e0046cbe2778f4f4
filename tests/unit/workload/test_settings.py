"""The settings of a launch, as `workload.settings` reads them."""

from __future__ import annotations

from pathlib import Path

import pytest

from workload import settings
from workload.errors import WorkloadError

LAUNCH = {
    "MODEL_URI": f"gs://primus-models-model-bucket/models/{'a' * 64}/model.tar.gz",
    "MODEL_SHA256": "a" * 64,
    "MODEL_AUDIENCE": (
        "//iam.googleapis.com/projects/111111111111/locations/global"
        "/workloadIdentityPools/primus-wip-x7/providers/primus-wip-provider"
    ),
    "MODEL_READER": "primus-sa@primus-models.iam.gserviceaccount.com",
    "INPUT_URI": "gs://secundus-vision-input-bucket",
    "RESULT_URI": "gs://secundus-vision-result-bucket",
}


def test_valid_settings_are_parsed() -> None:
    """Six valid variables become settings; the token lies where the launcher puts it."""
    assert settings.parse(LAUNCH) == settings.Settings(
        model_bucket="primus-models-model-bucket",
        model_object=f"models/{'a' * 64}/model.tar.gz",
        model_sha256="a" * 64,
        model_audience=LAUNCH["MODEL_AUDIENCE"],
        model_reader=LAUNCH["MODEL_READER"],
        input_bucket="secundus-vision-input-bucket",
        result_bucket="secundus-vision-result-bucket",
        subscription=None,
        token_file=Path("/run/container_launcher/attestation_verifier_claims_token"),
        grant_seconds=480,
    )


def test_a_machine_of_a_fleet_has_a_subscription() -> None:
    """The seventh variable says where the machine gets its work."""
    name = "projects/secundus-vision/subscriptions/workload-slices"
    assert settings.parse({**LAUNCH, "SUBSCRIPTION": name}).subscription == name


def test_the_environment_may_set_the_token_file() -> None:
    """ATTESTATION_TOKEN_FILE, which no operator may set, moves the token."""
    parsed = settings.parse({**LAUNCH, "ATTESTATION_TOKEN_FILE": "/tmp/token"})  # noqa: S108  only a name
    assert parsed.token_file == Path("/tmp/token")  # noqa: S108  only a name


def test_the_environment_may_set_the_wait_for_grants() -> None:
    """GRANT_SECONDS, which no operator may set, disables the wait on the local cloud."""
    assert settings.parse({**LAUNCH, "GRANT_SECONDS": "0"}).grant_seconds == 0


def test_all_problems_are_reported_together() -> None:
    """Without any variable, each that is not optional gets its sentence, in the label's order."""
    with pytest.raises(WorkloadError) as caught:
        settings.parse({})
    sentences = caught.value.reason.split(". ")
    assert [sentence.split()[0] for sentence in sentences] == [
        name for name in settings.OVERRIDABLE if name not in settings.OPTIONAL
    ]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("MODEL_URI", "gs://primus-models-model-bucket"),
        ("MODEL_URI", "gs://primus-models-model-bucket/"),
        ("MODEL_URI", "https://storage.googleapis.com/bucket/object"),
        ("MODEL_URI", "gs://bucket/object\nMore"),
        ("MODEL_URI", "gs://../object"),
        ("MODEL_SHA256", "A" * 64),
        ("MODEL_SHA256", "a" * 63),
        ("MODEL_SHA256", "sha256:" + "a" * 64),
        ("MODEL_AUDIENCE", "https://sts.googleapis.com"),
        ("MODEL_AUDIENCE", LAUNCH["MODEL_AUDIENCE"].replace("111111111111", "primus-models")),
        ("MODEL_AUDIENCE", LAUNCH["MODEL_AUDIENCE"] + "/x"),
        ("MODEL_READER", "deployer@primus.example"),
        ("MODEL_READER", "../x@primus-models.iam.gserviceaccount.com"),
        ("MODEL_READER", "primus-sa@evil.example/.iam.gserviceaccount.com"),
        ("MODEL_READER", "primus-sa@primus-models.iam.gserviceaccount.com?x=y"),
        ("INPUT_URI", "gs://secundus-vision-input-bucket/folder"),
        ("INPUT_URI", "secundus-vision-input-bucket"),
        ("RESULT_URI", "gs://Secundus"),
        ("SUBSCRIPTION", ""),
        ("SUBSCRIPTION", "projects/secundus-vision/topics/workload-slices"),
        ("SUBSCRIPTION", "projects/secundus-vision/subscriptions/x:pull?a"),
        ("SUBSCRIPTION", "projects/../subscriptions/workload-slices"),
        ("RESULT_URI", "gs://secundus-vision-result-bucket\n"),
    ],
)
def test_a_malformed_setting_is_refused(name: str, value: str) -> None:
    """A value of another form is refused with the sentence of its variable, and not repeated."""
    with pytest.raises(WorkloadError, match=f"^settings_invalid: {name} must be ") as caught:
        settings.parse({**LAUNCH, name: value})
    assert not value or value not in str(caught.value)


def test_the_input_bucket_cannot_be_the_result_bucket() -> None:
    """One bucket for pictures and results is refused: the results would be listed as pictures."""
    with pytest.raises(WorkloadError, match="another bucket than INPUT_URI"):
        settings.parse({**LAUNCH, "RESULT_URI": LAUNCH["INPUT_URI"]})


def test_the_result_bucket_is_read_without_the_other_settings() -> None:
    """RESULT_URI alone is enough to tell the operator that the other settings are wrong."""
    bucket = settings.result_bucket({"RESULT_URI": LAUNCH["RESULT_URI"]})
    assert bucket == "secundus-vision-result-bucket"


def test_an_invalid_result_bucket_reports_all_problems() -> None:
    """If RESULT_URI is wrong, nothing can be written: the error names the other problems, too."""
    with pytest.raises(WorkloadError, match=r"MODEL_SHA256 must be .* RESULT_URI must be "):
        settings.result_bucket({**LAUNCH, "MODEL_SHA256": "", "RESULT_URI": ""})
