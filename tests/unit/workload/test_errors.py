"""The tables of `workload.errors`: Google's answers, and which text may leave the enclave."""

from __future__ import annotations

import pytest

from workload.errors import Detail, Failure, WorkloadError, refused_by_token_service

AUDIENCE = (
    'The target service indicated by the "audience" parameters is invalid. This might either be '
    "because the pool or provider is disabled or deleted or because it doesn't exist."
)
SUBJECT = "The size of mapped attribute google.subject exceeds the 127 bytes limit."


@pytest.mark.parametrize(
    ("error", "description", "message"),
    [
        (
            "unauthorized_client",
            "The given credential is rejected by the attribute condition.",
            "release_refused: The given credential is rejected by the attribute condition.",
        ),
        (
            "unauthorized_client",
            "The mapped attribute 'google.subject' must be of type STRING.",
            "release_refused: The mapped attribute 'google.subject' must be of type STRING.",
        ),
        (
            "invalid_request",
            f"{SUBJECT} Either modify your attribute mapping or the incoming assertion.",
            f"release_refused: {SUBJECT}",
        ),
        (
            "invalid_grant",
            "The audience in ID Token [secret] does not match the expected audience.",
            "token_rejected: The audience in ID Token does not match the expected audience.",
        ),
        (
            "invalid_grant",
            "The issuer in ID Token https://secret does not match the expected one in config: x",
            "token_rejected: The issuer in ID Token does not match the expected one.",
        ),
        (
            "invalid_grant",
            "The issuer in ID Token https://secret does not match the expected ones: x, y",
            "token_rejected: The issuer in ID Token does not match the expected one.",
        ),
        (
            "invalid_grant",
            "ID Token issued at 1790000000 is stale to sign-in.",
            "token_rejected: ID Token is stale to sign-in.",
        ),
        (
            "invalid_grant",
            "Unable to verify the ID Token signature.",
            "token_rejected: Unable to verify the ID Token signature.",
        ),
        (
            "invalid_grant",
            "Error connecting to the given credential's issuer.",
            "token_rejected: Error connecting to the given credential's issuer.",
        ),
        ("invalid_target", AUDIENCE, f"provider_unavailable: {AUDIENCE}"),
        (
            "invalid_request",
            'Invalid value for "audience". This value should be the full resource name of x.',
            'provider_unavailable: Invalid value for "audience".',
        ),
        ("quota_exceeded", "", "release_failed: The quota of the token service is exceeded."),
    ],
)
def test_an_answer_of_the_token_service_has_its_sentence(
    error: str, description: str, message: str
) -> None:
    """A known pair of error and description leaves as one sentence of the table, without values."""
    assert str(refused_by_token_service(error, description)) == message


@pytest.mark.parametrize(
    ("error", "description"),
    [
        ("unauthorized_client", "gs://primus/models/secret was not found"),
        ("invalid_grant", "The given credential is rejected by the attribute condition."),
        (
            "unauthorized_client",
            "The given credential is rejected by the attribute condition. subject: secret",
        ),
        ("", ""),
    ],
)
def test_an_unknown_answer_becomes_a_code_without_details(error: str, description: str) -> None:
    """Unknown text does not leave: only the code and its own sentence do."""
    message = str(refused_by_token_service(error, description))
    assert message == "release_failed: The credentials for the model could not be had."


def test_a_failure_has_its_own_exit_code() -> None:
    """No two failures share an exit code, and none is success."""
    codes = [failure.exit_code for failure in Failure]
    assert 0 not in codes
    assert len(set(codes)) == len(codes)


@pytest.mark.parametrize("words", [*Failure, *Detail])
def test_a_sentence_is_one_line(words: Failure | Detail) -> None:
    """Every sentence that may leave is one printable line that ends in a full stop."""
    sentence = words.sentence if isinstance(words, Failure) else words.value
    assert sentence.isprintable()
    assert sentence.endswith(".")


def test_details_replace_the_sentence() -> None:
    """Several details are joined; without details, the failure's own sentence is used."""
    several = WorkloadError(Failure.SETTINGS_INVALID, Detail.INPUT_URI, Detail.RESULT_URI)
    assert several.reason == "INPUT_URI must be gs://BUCKET. RESULT_URI must be gs://BUCKET."
    assert WorkloadError(Failure.NO_PICTURES).reason == "The input bucket holds no pictures."
