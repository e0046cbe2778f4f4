"""`confidential-inference why`: who or what refused, whose mistake it is, and the fix."""

from __future__ import annotations

import base64
import io
import json
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from google.auth.exceptions import OAuthError
from google.oauth2.utils import handle_error_response

from infra.attestation.clause import Party, PolicyError
from infra.attestation.release_policy import TOKEN_AUDIENCE, read
from ops import why, why_command
from ops.cause import RefusedBy
from ops.cli import main
from ops.commands import EXPLAIN
from ops.detail_causes import cause_of_result
from ops.evidence import Evidence, Kind
from ops.evidence_reader import read as read_evidence
from ops.exit_codes import BROKEN, OK, PARTLY, UNUSABLE
from ops.failure_causes import FAILURES
from ops.pulumi_command import StackError
from ops.terminal import Terminal
from ops.verdict import Verdict, data
from ops.verdict_table import show
from rehearsal.cloud.confidential_space.launch_policy import LaunchPolicy, Refused
from rehearsal.cloud.confidential_space.launch_spec import Monitoring
from rehearsal.cloud.confidential_space.launch_spec import parse as launch_spec
from tests.fixtures.tokens import DIGEST, NEXT_DIGEST, REFUSED, genuine, policy
from workload.errors import Detail, Failure, WorkloadError
from workload.records import SCHEMA as RECORD

OTHER = NEXT_DIGEST
POLICY = policy()
CONDITION = POLICY.condition
NOW = 1790000100.0
ENDED = 'level=ERROR msg="workload task ended and returned non-zero"\n'
CONSOLE = Path(__file__).parents[2] / "fixtures" / "evidence" / "serial-console.log"
TIMES = {"iat": 1790000000, "nbf": 1790000000, "exp": 1790003600}


def claims(changes: dict[str, Any] | None = None, **more: Any) -> dict[str, Any]:
    """Genuine claims that are valid at NOW, with some changed, by their dotted paths."""
    return genuine({**TIMES, **(changes or {}), **more})


def judged(
    changes: dict[str, Any] | None = None, kind: Kind = Kind.CLAIMS, now: float = NOW
) -> Verdict:
    """The verdict on genuine claims with some changed."""
    return why.judge(Evidence(kind=kind, claims=claims(changes)), CONDITION, now)


def judged_message(sentence: str, kind: Kind = Kind.RESULT) -> Verdict:
    """The verdict on a message of the launcher or of a workload."""
    return why.judge(Evidence(kind=kind, failure=sentence, line=7), "", NOW)


def shown(verdict: Verdict, width: int = 110) -> str:
    """The printed lines, without styles."""
    console = Terminal(io.StringIO(), width)
    show(console, verdict)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def token(found: dict[str, Any]) -> str:
    """The claims as a compact token."""
    parts = (json.dumps({"alg": "RS256"}), json.dumps(found), "a signature that is secret")
    encoded = (base64.urlsafe_b64encode(part.encode()).decode().rstrip("=") for part in parts)
    return ".".join(encoded)


def test_admitted_claims_meet_every_clause() -> None:
    """A note names the grants and the hash, which are not checked."""
    verdict = judged()
    assert verdict.admitted
    count = len(POLICY.clauses)
    assert verdict.sentence == f"Admitted by the condition: the claims meet all {count} clauses."
    assert verdict.notes == (why.UNCHECKED,)
    assert "act as the model's reader" in shown(verdict)


@pytest.mark.parametrize(
    ("claim", "value", "detail"),
    [
        ("submods.gce.instance_id", "9" * 40, Detail.SUBJECT_SIZE),
        ("submods.gce.instance_id", None, Detail.SUBJECT_TYPE),
        ("submods.container.image_digest", 7, Detail.SUBJECT_TYPE),
    ],
)
def test_claims_without_a_valid_subject_are_refused_by_the_token_service(
    claim: str, value: object, detail: Detail
) -> None:
    """It maps the claims to a subject before it evaluates the condition."""
    verdict = judged({claim: value})
    assert verdict.refused_by is RefusedBy.TOKEN_SERVICE
    assert str(detail) in verdict.sentence
    assert claim in verdict.sentence


@pytest.mark.parametrize("claim", ["aud", "iss"])
def test_a_token_with_another_audience_or_issuer_is_the_operators_mistake(claim: str) -> None:
    """The launcher's own token has the right ones, whatever the provider accepts."""
    assert judged({claim: "https://secundus.example"}).mistake_of is Party.OPERATOR


@pytest.mark.parametrize("times", [{"iat": 1000, "nbf": 1000, "exp": 4600}, {"exp": None}])
def test_claims_that_are_not_valid_now_have_a_note(times: dict[str, Any]) -> None:
    """Claims alone may belong to a run that ended long ago."""
    verdict = judged(times)
    assert verdict.admitted
    assert "not valid now" in verdict.notes[0]


def test_claims_from_a_serial_console_are_admitted_with_a_reservation() -> None:
    """Without quotes, a text can look like another list."""
    verdict = why.judge(Evidence(kind=Kind.LOG, claims=claims(), exact=False), CONDITION, NOW)
    assert why.AS_PRINTED in verdict.sentence


def test_other_arguments_are_the_operators_mistake_only_with_an_overridden_command() -> None:
    """The image's author wrote the entry point; the operator's tee-cmd is in cmd_override."""
    args = "submods.container.args"
    of_author = judged({args: ["python"]}).clauses
    of_operator = judged({args: ["python"], "submods.container.cmd_override": ["-v"]}).clauses
    assert [row.mistake_of for row in of_author if row.claim == args] == [Party.AUTHOR]
    assert [row.mistake_of for row in of_operator if row.claim == args] == [Party.OPERATOR]


@pytest.mark.parametrize("clause", POLICY.clauses, ids=lambda clause: clause.claim)
def test_claims_that_break_one_clause_fail_that_clause_alone(clause: Any) -> None:
    """The result has expected, got, whose mistake and the fix of that clause."""
    (changes, *_) = REFUSED[clause.claim].values()
    verdict = judged(changes)
    assert verdict.refused_by is RefusedBy.CONDITION
    (result,) = [each for each in verdict.clauses if not each.passed]
    assert (result.clause, result.claim) == (clause.sentence, clause.claim)
    assert (result.expected, result.got) == (clause.expected, json.dumps(changes[clause.claim]))
    assert (result.mistake_of, result.fix) == (clause.mistake_of, clause.fix)
    count = len(POLICY.clauses)
    assert verdict.sentence == f"Refused by the condition: 1 of {count} clauses is not met."


def test_the_table_shows_digests_in_one_line() -> None:
    """Expected and got can be compared and copied."""
    text = shown(judged({"submods.container.image_digest": OTHER}))
    lines = [line.strip("│ \n") for line in text.splitlines()]
    assert f'expected    "{DIGEST}"' in lines
    assert f'got         "{OTHER}"' in lines
    assert "mistake of  operator" in lines
    assert "…" not in text


def test_a_met_clause_has_one_line() -> None:
    """Its values are shown only if one line is enough."""
    text = shown(judged({"submods.container.image_digest": OTHER}))
    met = [line for line in text.splitlines() if line.startswith("│ ✓ │")]
    assert len(met) == len(POLICY.clauses) - 1
    assert len(text.splitlines()) < len(met) + 15
    assert any(": true" in line for line in met)


def test_a_narrow_terminal_shows_every_character_of_a_digest() -> None:
    """It is folded."""
    text = shown(judged({"submods.container.image_digest": OTHER}), width=50)
    assert OTHER in "".join(c for c in text if c not in " \n│")


def test_a_missing_claim_is_the_platforms_mistake() -> None:
    """Google always writes these claims, so the token is not one of Confidential Space."""
    verdict = judged({"submods": {}})
    assert {row.mistake_of for row in verdict.clauses if row.got == "nothing"} >= {Party.PLATFORM}


def test_a_disagreement_of_engine_and_clauses_is_a_defect() -> None:
    """Clauses of another condition are never shown as the explanation."""
    other = read(CONDITION.replace(DIGEST, OTHER))
    with pytest.raises(why.DefectError, match="engine admits these claims, and the clauses"):
        why.explain(claims(), CONDITION, other)


@pytest.mark.parametrize("condition", ["assertion.x == 1", ""])
def test_a_condition_that_this_program_did_not_write_is_an_error(condition: str) -> None:
    """The empty one, too."""
    with pytest.raises(PolicyError, match="what this program does not write"):
        why.judge(Evidence(kind=Kind.CLAIMS, claims=claims()), condition, NOW)


def test_a_condition_of_an_older_version_has_a_note_about_missing_clauses() -> None:
    """It names the claims without a clause."""
    older = "assertion.swname == 'CONFIDENTIAL_SPACE'"
    verdict = why.judge(Evidence(kind=Kind.CLAIMS, claims=claims()), older, NOW)
    (note, _) = verdict.notes
    assert note.startswith("This condition has no clause about dbgstat, google_service_accounts, ")


STALE = "ID Token is stale to sign-in."


@pytest.mark.parametrize(
    ("changes", "now", "sentence"),
    [
        ({}, 1790003660.0, f'"{STALE}" (iat 1790000000, nbf 1790000000, exp 1790003600; now'),
        ({"nbf": 1790000161}, NOW, f'"{STALE}" (iat 1790000000, nbf 1790000161'),
        ({"exp": "soon"}, NOW, f'"{STALE}" (iat 1790000000, nbf 1790000000, exp "soon"'),
        ({"iat": None}, NOW, f'"{STALE}" (iat nothing'),
        ({"aud": "https://me"}, NOW, 'expected audience." (aud: got "https://me", expected'),
        ({"aud": ["https://me"]}, NOW, '(aud: got ["https://me"], expected https://sts'),
        ({"iss": "https://me"}, NOW, 'expected one." (iss: got "https://me", expected'),
    ],
)
def test_a_token_that_meets_every_clause_can_be_refused_by_the_token_service(
    changes: dict[str, object], now: float, sentence: str
) -> None:
    """The sentence is Google's, with got and expected."""
    verdict = judged(changes, Kind.TOKEN, now)
    assert all(row.passed for row in verdict.clauses)
    assert (verdict.refused_by, bool(verdict.fix)) == (RefusedBy.TOKEN_SERVICE, True)
    assert sentence in verdict.sentence


@pytest.mark.parametrize("now", [1789999940.0, 1790003659.0])
def test_a_token_is_valid_if_the_clocks_differ_by_a_minute(now: float) -> None:
    """As with Google, before and after."""
    assert judged(kind=Kind.TOKEN, now=now).admitted


def test_one_of_several_audiences_is_enough() -> None:
    """The others may be for other services."""
    assert judged({"aud": ["https://me", TOKEN_AUDIENCE]}).admitted


@pytest.mark.parametrize("kind", [Kind.LOG, Kind.CLAIMS])
def test_claims_in_a_log_or_alone_are_never_stale(kind: Kind) -> None:
    """They were valid when the workload used them."""
    assert judged(kind=kind, now=1890000000.0).admitted


def test_a_stale_token_that_breaks_a_clause_is_refused_for_both_reasons() -> None:
    """The table shows the clause."""
    verdict = judged({"hwmodel": "x"}, Kind.TOKEN, now=1890000000.0)
    assert verdict.refused_by is RefusedBy.TOKEN_SERVICE
    assert "The condition would refuse it, too: 1 of " in verdict.sentence


def test_a_token_has_a_note_that_its_signature_was_not_checked() -> None:
    """Claims alone have no signature, so they have no such note."""
    assert why.UNSIGNED in judged(kind=Kind.TOKEN).notes
    assert why.UNSIGNED not in judged().notes


def test_claims_from_a_serial_console_have_a_note() -> None:
    """Without quotes, one text can look like two."""
    inexact = Evidence(kind=Kind.LOG, claims=claims(), exact=False)
    assert why.INEXACT in why.judge(inexact, CONDITION, NOW).notes


def test_a_workload_that_failed_after_its_admission_has_a_note() -> None:
    """The result object holds the reason."""
    failed = Evidence(kind=Kind.LOG, claims=claims(), workload_failed=True)
    assert why.LATER in why.judge(failed, CONDITION, NOW).notes


@pytest.mark.parametrize("failure", FAILURES, ids=lambda failure: failure.code)
def test_a_failure_of_the_workload_is_explained_by_its_cause(failure: Failure) -> None:
    """Who refused, and the fix; tests/contract/test_errors.py names a code without a cause."""
    verdict = judged_message(str(WorkloadError(failure)))
    assert verdict.refused_by is FAILURES[failure].refused_by
    assert verdict.fix == FAILURES[failure].fix
    assert failure.sentence in verdict.sentence


@pytest.mark.parametrize(
    ("failure", "detail", "by", "party"),
    [
        (Failure.RELEASE_REFUSED, Detail.CONDITION, RefusedBy.CONDITION, None),
        (Failure.RELEASE_REFUSED, Detail.SUBJECT_TYPE, RefusedBy.TOKEN_SERVICE, Party.AUTHOR),
        (Failure.RELEASE_REFUSED, Detail.SUBJECT_SIZE, RefusedBy.TOKEN_SERVICE, Party.AUTHOR),
        (Failure.TOKEN_REJECTED, Detail.AUDIENCE, RefusedBy.TOKEN_SERVICE, Party.AUTHOR),
        (Failure.TOKEN_REJECTED, Detail.ISSUER, RefusedBy.TOKEN_SERVICE, Party.AUTHOR),
        (Failure.TOKEN_REJECTED, Detail.STALE, RefusedBy.TOKEN_SERVICE, Party.OPERATOR),
        (Failure.TOKEN_REJECTED, Detail.SIGNATURE, RefusedBy.TOKEN_SERVICE, Party.OPERATOR),
        (Failure.TOKEN_REJECTED, Detail.ISSUER_UNREACHABLE, RefusedBy.TOKEN_SERVICE,
         Party.PLATFORM),
        (Failure.PROVIDER_UNAVAILABLE, Detail.TARGET, RefusedBy.TOKEN_SERVICE, Party.AUTHOR),
        (Failure.PROVIDER_UNAVAILABLE, Detail.AUDIENCE_MALFORMED, RefusedBy.TOKEN_SERVICE,
         Party.OPERATOR),
        (Failure.RELEASE_FAILED, Detail.QUOTA, RefusedBy.TOKEN_SERVICE, Party.PLATFORM),
        (Failure.IMPERSONATION_REFUSED, Detail.IMPERSONATION, RefusedBy.IAM, Party.AUTHOR),
        (Failure.SETTINGS_INVALID, Detail.MODEL_URI, RefusedBy.WORKLOAD, Party.OPERATOR),
    ],
)  # fmt: skip
def test_a_detail_decides_whose_mistake_it_is(
    failure: Failure, detail: Detail, by: RefusedBy, party: Party | None
) -> None:
    """If Google's sentence says more than the code, the sentence decides."""
    verdict = judged_message(str(WorkloadError(failure, detail)))
    assert (verdict.refused_by, verdict.mistake_of) == (by, party)


def test_a_refusal_by_the_condition_without_claims_has_no_clause() -> None:
    """A note says so, and the fix gets the claims."""
    verdict = judged_message(str(WorkloadError(Failure.RELEASE_REFUSED, Detail.CONDITION)))
    assert verdict.notes == (why.CLAUSE_UNKNOWN,)
    assert "mistake of: this alone does not say" in shown(verdict)
    assert EXPLAIN in (verdict.fix or "")


def test_an_unknown_code_is_a_failed_run() -> None:
    """A result of another version is refused, and it is not known whose mistake it is."""
    verdict = judged_message("new_code: A sentence.")
    assert (verdict.admitted, verdict.mistake_of) == (False, None)


def refusal(labels: LaunchPolicy, **metadata: str) -> str:
    """The error of the local launcher for an operator's metadata."""
    named = {"tee-image-reference": "x", **{k.replace("_", "-"): v for k, v in metadata.items()}}
    with pytest.raises(Refused) as caught:
        labels.verify(launch_spec(named, hardened=True))
    return str(caught.value)


DENYING = LaunchPolicy(log_redirect="never")
ATTEST = (
    "failed to fetch and write OIDC token: failed to retrieve attestation service token: "
    "calling v1.VerifyConfidentialSpace in us-west1: "
)
CLIENT = "failed to create REST verifier client: "
REGIONS = 'listing regions in project "secundus-vision": '
ATTESTER = "roles/confidentialcomputing.workloadUser"
ENV = "malformed env name [1A], env name must start with an alpha character or '_'"
RETRYABLE = "failed with retryable error: "
PULL = 'cannot pull the image: failed to resolve reference "x": '


@pytest.mark.parametrize(
    ("line", "party", "fix"),
    [
        (refusal(LaunchPolicy(env=("B",)), **{"tee-env-A": "1"}), Party.OPERATOR, "tee-env-"),
        (refusal(DENYING, **{"tee-env-A": "1"}), Party.AUTHOR, "label tee.launch_policy.allow_env"),
        (
            refusal(LaunchPolicy(env=("B",)), **{"tee-env-A": "; allowed envs to be set: []"}),
            Party.OPERATOR, "tee-env-",
        ),
        (refusal(DENYING, tee_cmd='["x"]'), Party.OPERATOR, "tee-cmd"),
        (refusal(DENYING, tee_container_log_redirect="true"), Party.OPERATOR, "log-redirect"),
        (refusal(LaunchPolicy(), tee_container_log_redirect="true"), Party.OPERATOR, "redirect"),
        (refusal(DENYING, tee_monitoring_enable="all"), Party.OPERATOR, "tee-monitoring-enable"),
        (
            refusal(LaunchPolicy(hardened_monitoring=Monitoring.MEMORY_ONLY),
                    tee_monitoring_enable="all"),
            Party.OPERATOR, "tee-monitoring",
        ),
        (
            refusal(DENYING, tee_mount="type=tmpfs,source=tmpfs,destination=/x"),
            Party.OPERATOR, "tee-mount",
        ),
        (refusal(DENYING, tee_added_capabilities='["X"]'), Party.OPERATOR, "tee-added-cap"),
        (refusal(DENYING, tee_cgroup_ns="true"), Party.OPERATOR, "tee-cgroup-ns"),
        (
            "failed to get launchspec, make sure you're running inside a GCE VM: invalid",
            Party.OPERATOR, "pulumi up --stack secundus",
        ),
        ("malformed env name [1A], env name must start", Party.OPERATOR, "tee-env-"),
        (f"failed to format env var: {ENV}", Party.OPERATOR, "tee-env-"),
        (f"failed to measure CEL events: failed to measure container claims: {ENV}",
         Party.OPERATOR, "tee-env-"),
        ("failed to measure CEL events: failed to measure memory monitoring state: x",
         Party.PLATFORM, "run it again"),
        (f"{CLIENT}{REGIONS}googleapi: Error 403: API has not been used", Party.OPERATOR, ATTESTER),
        (f"{CLIENT}{REGIONS}rpc error: code = PermissionDenied desc = Permission 'x' denied",
         Party.OPERATOR, ATTESTER),
        (f"{CLIENT}{REGIONS}googleapi: Error 403: Request had insufficient authentication scopes.",
         Party.OPERATOR, "scope cloud-platform"),
        (f'{CLIENT}invalid region "x", available regions are [y]', Party.OPERATOR, "set zone"),
        (f"{CLIENT}{REGIONS}dial tcp x:443: i/o timeout", Party.OPERATOR, "Private Google Access"),
        (f"{CLIENT}missing OAuth2 token credentials", Party.OPERATOR, "service account"),
        (f"{CLIENT}{REGIONS}googleapi: Error 503: later", Party.PLATFORM, "run it again"),
        ("failed to create ITA client: x", Party.OPERATOR, "ita-region"),
        ("failed to install GPU drivers: tee-install-gpu-driver must be set to true",
         Party.OPERATOR, "without a GPU"),
        ("failed to install gpu drivers: x", Party.OPERATOR, "without a GPU"),
        ("failed to verify disk integrity: stateful partition is not integrity protected: \nx\n",
         Party.PLATFORM, "run it again"),
        ("failed to verify mounts: x", Party.PLATFORM, "run it again"),
        ("failed to open TPM device: x", Party.OPERATOR, "vTPM"),
        ("failed to initialize TPM: failed to find AKCert on this VM", Party.PLATFORM, "again"),
        ("failed to initialize authenticated Google HTTP client: x", Party.OPERATOR, "account"),
        ("failed to initialize cloud logging: x", Party.OPERATOR, "roles/logging.logWriter"),
        ("cannot pull the image (no token, only works for a public image): failed to pull",
         Party.OPERATOR, "service account"),
        (f"{RETRYABLE}failed to create a container: [unable to find user x]", None, "the same"),
        (f"{RETRYABLE}failed to create a container: [x: no space left on device]",
         Party.AUTHOR, "smaller"),
        (f'{RETRYABLE}failed to create shim task: OCI runtime create failed: exec: "x": not found',
         Party.AUTHOR, "author"),
        (f"{RETRYABLE}cannot get hostname: [x]", Party.PLATFORM, "run it again"),
        ("failed to open and forward ports: failed to open port on IPv4 80 tcp: x",
         Party.AUTHOR, "EXPOSE"),
        ("received unknown protocol: got x, expected tcp or udp", Party.AUTHOR, "EXPOSE"),
        ("failed to create the TEE server: x", Party.PLATFORM, "run it again"),
        ("unknown logging redirect location: x", Party.OPERATOR, "log-redirect"),
        ("unknown image config media type x", Party.AUTHOR, "author"),
        ("Panic: runtime error", Party.PLATFORM, "run it again"),
        (f"{PULL}dial tcp x:443: i/o timeout", Party.OPERATOR, "Private Google Access"),
        (f"{PULL}DENIED: Permission denied", Party.AUTHOR, "pulumi up --stack primus"),
        (f"{PULL}MANIFEST_UNKNOWN: not there", Party.AUTHOR, "put the image back"),
        (f"{PULL}us-west1-docker.pkg.dev/p/r/w@sha256:0: not found", Party.AUTHOR, "image.digest"),
        (f"{PULL}failed to extract layer", Party.OPERATOR, "image that Primus published"),
        ("failed to parse image Launch Policy: invalid image LABEL", Party.AUTHOR, "author"),
        ("length of Args [1] is shorter or equal", Party.AUTHOR, "author"),
        (f"{ATTEST}Error 400: UNSUPPORTED_CC_TECHNOLOGY", Party.OPERATOR, "confidentialType SEV"),
        (f"{ATTEST}Error 403: Permission 'x' denied", Party.OPERATOR, "workloadUser"),
        (f"{ATTEST}Error 503: later", Party.PLATFORM, "run it again"),
        (
            "failed to fetch and write OIDC token: failed to get impersonated token for x",
            Party.OPERATOR, "tee-impersonate-service-accounts",
        ),
        ("failed to create task: exec: not found", Party.AUTHOR, "author"),
        ("something new", None, "does not know the sentence"),
    ],
)  # fmt: skip
def test_a_message_of_the_launcher_is_explained(line: str, party: Party | None, fix: str) -> None:
    """The line of the log, whose mistake it is, and the fix."""
    verdict = judged_message(line, Kind.LOG)
    assert (verdict.refused_by, verdict.mistake_of) == (RefusedBy.LAUNCHER, party)
    assert verdict.sentence.startswith('Refused by the launcher, line 7: "')
    assert fix in (verdict.fix or "")


def test_the_json_has_stable_keys() -> None:
    """Programs rely on them."""
    found = json.loads(json.dumps(data(judged({"hwmodel": "x"}))))
    assert list(found) == [
        "schema", "evidence", "verdict", "by", "sentence", "mistakeOf", "cure", "clauses",
        "pictures", "failedAfterwards", "notes",
    ]  # fmt: skip
    assert (found["schema"], found["verdict"]) == ("confidential-inference/why/v1", "refused")
    (row,) = [row for row in found["clauses"] if not row["passed"]]
    assert row == {
        "clause": "its memory is encrypted by hardware",
        "claim": "hwmodel",
        "passed": False,
        "expected": '"GCP_AMD_SEV" or "GCP_INTEL_TDX"',
        "got": '"x"',
        "mistakeOf": "operator",
        "cure": "pulumi config set confidentialType SEV --stack secundus && pulumi up --stack"
        " secundus",
    }
    assert data(judged())["verdict"] == "admitted"


def test_a_debug_image_is_the_operators_mistake() -> None:
    """Recorded tokens of debug images have no support attributes: that is the same mistake."""
    found = claims(dbgstat="enabled")
    del found["submods"]["confidential_space"]["support_attributes"]
    verdict = why.judge(Evidence(kind=Kind.CLAIMS, claims=found), CONDITION, NOW)
    failed = {row.claim: row for row in verdict.clauses if not row.passed}
    assert failed.keys() == {"dbgstat", "submods.confidential_space.support_attributes"}
    assert {row.mistake_of for row in failed.values()} == {Party.OPERATOR}
    assert all("confidentialSpaceImage" in (row.fix or "") for row in failed.values())


def oauth(error: str, description: str) -> str:
    """The `result` of the published example when the token service refuses."""
    body = json.dumps({"error": error, "error_description": description})
    with pytest.raises(OAuthError) as caught:
        handle_error_response(body)  # type: ignore[no-untyped-call]  # has no types
    return f"Error: {caught.value}"


IMPERSONATION = (
    'Error: (\'Unable to acquire impersonated credentials\', \'{\\n  "error": {\\n    "code": 403,'
    '\\n    "message": "Permission \\\'iam.serviceAccounts.getAccessToken\\\' denied on resource'
    " (or it may not exist).\"')"
)
MODEL = (
    "Error: 403 GET https://storage.googleapis.com/download/storage/v1/b/m/o/model.tar.gz?alt=media:"
    " primus-sa@primus-models.iam.gserviceaccount.com does not have storage.objects.get access to"
    " the Google Cloud Storage object."
)


@pytest.mark.parametrize(
    ("result", "by", "party"),
    [
        (oauth("unauthorized_client", str(Detail.CONDITION)), RefusedBy.CONDITION, None),
        (oauth("unauthorized_client", str(Detail.SUBJECT_TYPE)), RefusedBy.TOKEN_SERVICE,
         Party.AUTHOR),
        (oauth("invalid_grant", "ID Token issued at 1 is stale to sign-in."),
         RefusedBy.TOKEN_SERVICE, Party.OPERATOR),
        (oauth("invalid_target", str(Detail.TARGET)), RefusedBy.TOKEN_SERVICE, Party.AUTHOR),
        (oauth("new", "something"), RefusedBy.TOKEN_SERVICE, None),
        (IMPERSONATION, RefusedBy.IAM, Party.AUTHOR),
        (MODEL, RefusedBy.BUCKET, Party.AUTHOR),
        ("Error: 404 GET https://storage.googleapis.com/x: No such object: m/model.tar.gz",
         RefusedBy.BUCKET, Party.AUTHOR),
        ("Error: File '/run/container_launcher/attestation_verifier_claims_token' was not found.",
         RefusedBy.WORKLOAD, Party.OPERATOR),
        ("Error: Unable to open file: saved_model.pb", RefusedBy.WORKLOAD, None),
    ],
)  # fmt: skip
def test_the_result_of_the_published_example_is_explained(
    result: str, by: RefusedBy, party: Party | None
) -> None:
    """It quotes Google's exception, and the sentence in it decides."""
    verdict = why.judge(read_evidence(result.encode()), "", NOW)
    assert (verdict.refused_by, verdict.mistake_of) == (by, party)
    assert verdict.sentence.startswith(f"Refused ({by}): ")
    assert verdict.fix != cause_of_result("new_code: x").fix
    assert (why.CLAUSE_UNKNOWN in verdict.notes) == (by is RefusedBy.CONDITION)


def test_a_code_of_this_program_decides_whatever_follows_it() -> None:
    """The text after it may look like an error of another workload."""
    verdict = judged_message("no_pictures: iam.serviceAccounts.getAccessToken")
    assert verdict.fix == FAILURES[Failure.NO_PICTURES].fix


RECORDS = "".join(
    json.dumps({"schema": RECORD, "name": f"{number}.png", **outcome}) + "\n"
    for number, outcome in enumerate(
        [{"label": "x"}] * 9 + [{"error": "picture_damaged"}] * 12 + [{"error": "picture_empty"}]
    )
)
TEXT = (
    "Image: a, Error: picture_empty, Response: {'predicted_class': 1}\n"
    "Image: b.png, Error: picture_damaged\n"
    "Image: c.png, Response: {'error': 'Input is empty. [Op:DecodeImage]'}\n"
)


@pytest.mark.parametrize(
    ("data", "sentence", "codes"),
    [
        (RECORDS, "13 of 22 pictures", {"picture_damaged": 12, "picture_empty": 1}),
        (TEXT, "2 of 3 pictures", {"picture_damaged": 1, "error": 1}),
        ("Image: a, Error: new_code\n", "1 of 1 picture", {"new_code": 1}),
    ],
)
def test_failed_pictures_are_shown_with_the_causes_of_their_codes(
    data: str, sentence: str, codes: dict[str, int]
) -> None:
    """The run was admitted."""
    verdict = why.judge(read_evidence(data.encode()), "", NOW)
    assert verdict.sentence == (
        f"Admitted: the run got the model. But {sentence} could not be classified."
    )
    assert {each.code: each.count for each in verdict.failed_pictures} == codes
    assert (verdict.admitted, verdict.failed_afterwards) == (True, True)
    text = shown(verdict)
    for each in verdict.failed_pictures:
        assert all(part in text for part in (each.code, each.cause.when[:60], each.cause.fix[:40]))


def test_a_run_that_classified_every_picture_is_admitted() -> None:
    """The sentence counts them."""
    verdict = why.judge(read_evidence(RECORDS.splitlines()[0].encode()), "", NOW)
    assert verdict.sentence == "Admitted: the run classified 1 picture."
    assert not verdict.failed_afterwards


def test_the_sentence_is_singular_for_one_clause() -> None:
    """Never "all 1 clauses"."""
    older = "assertion.swname == 'CONFIDENTIAL_SPACE'"
    met = why.judge(Evidence(kind=Kind.CLAIMS, claims=claims()), older, NOW)
    unmet = why.judge(Evidence(kind=Kind.CLAIMS, claims=claims(swname="GCE")), older, NOW)
    assert met.sentence == "Admitted by the condition: the claims meet its one clause."
    assert unmet.sentence == "Refused by the condition: 1 of 1 clause is not met."


EVIL = "[red]x[/red]\x1b[31m\r\u202e\x07"


@pytest.mark.parametrize(
    "verdict",
    [
        judged({"hwmodel": EVIL}),
        judged({"aud": EVIL}),
        judged_message(EVIL),
        judged_message(EVIL, Kind.LOG),
    ],
    ids=["claim", "audience", "result", "log"],
)
def test_hostile_text_of_a_file_is_printed_as_text(verdict: Verdict) -> None:
    """Markup is shown, and what would control a terminal is escaped."""
    text = shown(verdict)
    assert "[red]x[/red]" in text
    assert [c for c in text if not c.isprintable() and c != "\n"] == []


def test_hostile_text_of_a_condition_is_printed_as_text() -> None:
    """The other company's condition is trusted no more than a log."""
    evil = CONDITION.replace("GCP_AMD_SEV", "[bold]\\U0000001b[31m")
    text = shown(why.judge(Evidence(kind=Kind.CLAIMS, claims=claims()), evil, NOW))
    assert "[bold]" in text
    assert "\x1b" not in text


@pytest.fixture
def condition(tmp_path: Path) -> str:
    """The condition in a file."""
    path = tmp_path / "condition.cel"
    path.write_text(CONDITION + "\n")
    return str(path)


def run(tmp_path: Path, text: str, *options: str) -> int:
    """Run the command on a file; its exit code."""
    path = tmp_path / "evidence"
    path.write_text(text)
    return main(["why", str(path), *options])


@pytest.mark.parametrize(
    ("text", "code"),
    [
        (json.dumps(claims()), OK),
        (json.dumps(claims(hwmodel="x")), BROKEN),
        (CONSOLE.read_text(), OK),
        ("Error: no_pictures: The input bucket holds no pictures.", BROKEN),
        ("Image: a.png, Response: {'predicted_class': 1}", OK),
        (RECORDS, PARTLY),
        (CONSOLE.read_text() + ENDED, PARTLY),
        ("nothing of interest", UNUSABLE),
    ],
    ids=[
        "admitted",
        "refused",
        "serial console",
        "failed run",
        "good run",
        "bad pictures",
        "failed afterwards",
        "unreadable",
    ],
)
def test_each_verdict_has_its_exit_code(
    tmp_path: Path, condition: str, text: str, code: int
) -> None:
    """0 admitted, 1 refused, 2 not readable, 3 admitted and failed later or in part."""
    assert run(tmp_path, text, "--condition", condition) == code


def test_a_token_is_explained_and_never_printed(
    tmp_path: Path, condition: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """No part of it is in the table or in the JSON."""
    now = int(time.time())
    compact = token(claims(iat=now, nbf=now, exp=now + 3600))
    assert run(tmp_path, compact, "--condition", condition) == OK
    assert run(tmp_path, compact, "--condition", condition, "--json") == OK
    printed = "".join(capsys.readouterr())
    assert why.UNSIGNED in printed
    assert [part for part in compact.split(".") if part in printed] == []


def test_standard_input_is_read(
    condition: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The file `-`; `--json` prints one object and nothing else."""
    given = io.TextIOWrapper(io.BytesIO(json.dumps(claims(secboot=False)).encode()))
    monkeypatch.setattr(sys, "stdin", given)
    assert main(["why", "-", "--condition", condition, "--json"]) == BROKEN
    assert json.loads(capsys.readouterr().out)["by"] == "condition"


def test_a_failed_run_needs_no_condition(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without claims no stack is read, so the file is enough."""
    monkeypatch.setenv("PATH", "")
    assert run(tmp_path, "Error: no_pictures: The input bucket holds no pictures.") == BROKEN
    assert "fix: put pictures into the input bucket" in capsys.readouterr().out


def test_without_a_stack_the_error_names_the_option_for_the_condition(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """It also names the command that prints the condition."""
    monkeypatch.setenv("PATH", "")
    assert run(tmp_path, json.dumps(claims())) == UNUSABLE
    errors = capsys.readouterr().err
    assert "--condition FILE" in errors
    assert "pulumi stack output attributeCondition --stack primus" in errors


@pytest.mark.parametrize(
    ("options", "code", "read"),
    [
        ((), OK, "attributeCondition"),
        (("--operator", "acme"), OK, "operators"),
        (("--operator", "borg"), UNUSABLE, "operators"),
    ],
)
def test_the_condition_of_a_named_operator_is_read_by_its_name(
    tmp_path: Path,
    condition: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    options: tuple[str, ...],
    code: int,
    read: str,
) -> None:
    """Each operator has a condition of its own; an unknown name is told the known ones."""
    text = Path(condition).read_text().strip()
    asked = []

    def outputs(stack: str, needed: str, _: object) -> dict[str, Any]:
        asked.append((stack, needed))
        return {"attributeCondition": text, "operators": {"acme": {"attributeCondition": text}}}

    monkeypatch.setattr(why_command, "outputs", outputs)
    now = int(time.time())
    compact = token(claims(iat=now, nbf=now, exp=now + 3600))
    assert run(tmp_path, compact, "--stack", "primus-eu", *options) == code
    assert asked == [("primus-eu", read)]
    if code == UNUSABLE:
        assert "has no operator 'borg', but acme" in capsys.readouterr().err


def test_an_operator_must_be_named_where_all_have_names(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The stack is deployed, so the error must not say to deploy it."""

    def outputs(stack: str, needed: str, _: object) -> dict[str, Any]:
        if needed == "attributeCondition":
            raise StackError(f"the stack {stack} has no output {needed}")
        return {"operators": {"borg": {}, "acme": {}}}

    monkeypatch.setattr(why_command, "outputs", outputs)
    assert run(tmp_path, json.dumps(claims())) == UNUSABLE
    assert "has only operators with a name; say which: --operator acme or borg" in (
        capsys.readouterr().err
    )


@pytest.mark.parametrize("options", [("--condition", "nowhere.cel"), ("--condition", "/")])
def test_a_missing_condition_file_is_an_error(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], options: tuple[str, str]
) -> None:
    """Or a folder in its place; there is no traceback."""
    assert run(tmp_path, json.dumps(claims()), *options) == UNUSABLE
    assert f"error: {options[1]}: " in capsys.readouterr().err


def test_a_condition_with_unknown_lines_is_an_error(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Exit code 2, with the lines that this program did not write."""
    path = tmp_path / "condition.cel"
    path.write_text("assertion.swname == 'CONFIDENTIAL_SPACE' &&\nassertion.x == 1")
    assert run(tmp_path, json.dumps(claims()), "--condition", str(path)) == UNUSABLE
    assert "'assertion.x == 1'" in capsys.readouterr().err


def test_a_file_that_is_too_large_is_refused_after_ten_mib(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """It may have four TiB."""
    path = tmp_path / "evidence"
    with path.open("wb") as sparse:
        sparse.truncate(2**42)
    assert main(["why", str(path)]) == UNUSABLE
    assert "got more than 10485760 bytes" in capsys.readouterr().err
