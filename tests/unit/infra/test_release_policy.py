"""The release condition means what it says: judged by Google's own CEL engine, row by row."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from infra import naming
from infra.attestation.clause import (
    Party,
    PolicyError,
    in_one_line,
    listed,
    literals,
    quoted,
)
from infra.attestation.release_policy import (
    BUILT_HERE,
    CLAIMS,
    CONFIGURED,
    MAPPING,
    MAX_CONDITION,
    MAX_SUBJECT,
    AttestationPolicy,
    read,
)
from ops import cel_engine
from tests.fixtures.tokens import (
    ABSENT,
    ACCOUNT,
    CONTAINER,
    DIGEST,
    ENV,
    MODEL,
    NEXT_DIGEST,
    REFUSED,
    SPACE,
    Changes,
    Claims,
    genuine,
    policy,
    using,
)

if TYPE_CHECKING:
    from infra.attestation.clause import Clause

ADMITTED: dict[str, Changes] = {
    "the genuine workload": {},
    "an older, supported version": {f"{SPACE}.support_attributes": ["STABLE", "USABLE"]},
    "Intel TDX": {"hwmodel": "GCP_INTEL_TDX"},
    "an empty command override": {f"{CONTAINER}.cmd_override": []},
    "no override of variables stated": {f"{CONTAINER}.env_override": ABSENT},
    "another machine of the operator": {"submods.gce.instance_name": "workload-vm-2"},
}
ROWS = [(claim, name) for claim, rows in REFUSED.items() for name in rows]
CHANGES = [*ADMITTED.values(), *(REFUSED[claim][name] for claim, name in ROWS)]


@pytest.mark.parametrize("changes", ADMITTED.values(), ids=ADMITTED)
def test_these_claims_are_admitted(changes: Changes) -> None:
    """Google's engine admits what Primus means to admit, and the explanation names no clause."""
    claims = genuine(changes)
    assert cel_engine.holds(policy().condition, {"assertion": claims})
    assert policy().explain(claims) == ()


@pytest.mark.parametrize(("claim", "name"), ROWS)
def test_a_changed_claim_is_refused_by_its_clause_alone(claim: str, name: str) -> None:
    """Google's engine refuses, and the explanation names that clause and no other."""
    claims = genuine(REFUSED[claim][name])
    assert not cel_engine.holds(policy().condition, {"assertion": claims})
    assert [clause.claim for clause in policy().explain(claims)] == [claim]


def test_every_clause_refuses_a_row() -> None:
    """A clause without a row would be untested: add rows to REFUSED in tests/fixtures/tokens.py."""
    assert {clause.claim for clause in policy().clauses} == REFUSED.keys()


@pytest.mark.parametrize("clause", policy().clauses, ids=lambda clause: clause.claim)
def test_python_and_cel_agree_on_every_clause_and_row(clause: Clause) -> None:
    """Otherwise an explanation would blame a clause that did not refuse."""
    for claims in map(genuine, CHANGES):
        assert clause.check(claims) == cel_engine.holds(clause.cel, {"assertion": claims})


def test_a_clause_with_alternatives_names_them_all() -> None:
    """A review of a preview calls one more of them a loosening, so none may be missing."""
    alternatives = {clause.claim for clause in policy().clauses if clause.allowed is not None}
    assert alternatives == {clause.claim for clause in policy().clauses if " in [" in clause.cel}
    for clause in policy().clauses:
        assert clause.allowed is None or clause.allowed == literals(clause.cel)


def test_every_clause_says_what_would_be_admitted_without_it() -> None:
    """Each in its own words."""
    sentences = [clause.without for clause in policy().clauses]
    assert all(sentences)
    assert len(set(sentences)) == len(sentences)


def test_nothing_is_admitted_on_an_empty_token() -> None:
    """Every clause refuses it."""
    claims: Claims = {}
    assert not cel_engine.holds(policy().condition, {"assertion": claims})
    assert policy().explain(claims) == policy().clauses


def test_lists_admit_old_and_new_side_by_side() -> None:
    """A rollout needs both for a while."""
    both = policy(image_digests=(NEXT_DIGEST, DIGEST), model_hashes=("0" * 64, MODEL))
    new_image = {f"{CONTAINER}.image_digest": NEXT_DIGEST}
    for changes in ({}, new_image, using("0" * 64), new_image | using("0" * 64)):
        assert cel_engine.holds(both.condition, {"assertion": genuine(changes)})


@pytest.mark.parametrize("sha256", [None, 7, ["0" * 64], ""])
def test_without_a_hash_the_clause_about_the_uri_refuses(sha256: object) -> None:
    """The expected URI contains the hash; Google's engine makes none of anything but a text."""
    claims = genuine({f"{ENV}.MODEL_SHA256": sha256})
    (place,) = (c for c in policy().clauses if c.claim.endswith("MODEL_URI"))
    assert not place.check(claims)
    assert not cel_engine.holds(place.cel, {"assertion": claims})
    refused = {clause.claim for clause in policy().explain(claims)}
    assert refused == {f"{ENV}.MODEL_SHA256", f"{ENV}.MODEL_URI"}


def test_the_order_in_config_is_no_change_of_the_policy() -> None:
    """A rollout swaps old and new in the configuration; a preview must show no change."""
    hashes = MODEL, "0" * 64
    there = policy(image_digests=(DIGEST, NEXT_DIGEST), model_hashes=hashes)
    back = policy(image_digests=(NEXT_DIGEST, DIGEST, NEXT_DIGEST), model_hashes=hashes[::-1])
    assert there.condition == back.condition


def test_rendering_is_deterministic_and_one_clause_a_line() -> None:
    """A preview shows a change only where something changed, and shows which clause it was."""
    assert policy().condition == copy.deepcopy(policy()).condition
    assert policy().condition.split(" &&\n") == [clause.cel for clause in policy().clauses]


@given(st.text())
@settings(max_examples=500)
def test_a_quoted_text_is_that_text_to_the_engine(text: str) -> None:
    """No text can end its literal early and go on as CEL."""
    assert cel_engine.evaluate(quoted(text), {}) == text


@given(st.text(alphabet="'\"\\\n\r\t\x00`${}&|()ué✓𝄞", min_size=1))
@settings(max_examples=300)
def test_quoting_holds_for_the_characters_that_could_break_it(text: str) -> None:
    """Characters with a meaning in CEL."""
    assert cel_engine.evaluate(f"[{quoted(text)}]", {}) == [text]
    assert quoted(text).isascii()


def test_a_lone_surrogate_cannot_be_quoted() -> None:
    """It is no Unicode text; any other literal would mean another text."""
    with pytest.raises(ValueError, match="surrogates not allowed"):
        quoted("\ud800")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"model_bucket": "gs://models"}, "model_bucket: got 'gs://models'"),
        ({"audience": "https://sts.googleapis.com"}, "audience: got 'https://sts"),
        ({"audience": None}, "audience: got None"),
        ({"model_reader": "somebody@primus.example"}, "model_reader: got 'somebody@"),
        ({"image_digests": ()}, "image_digests: got an empty list"),
        ({"model_hashes": ()}, "model_hashes: got an empty list"),
        ({"hardware": ()}, "hardware: got an empty list"),
        ({"arguments": ()}, "arguments: got an empty list"),
        ({"image_digests": ("latest",)}, "image_digests: got 'latest', expected 'sha256:'"),
        ({"image_digests": (DIGEST.upper(),)}, "image_digests: got 'SHA256:"),
        ({"image_digests": (DIGEST + "\n",)}, "image_digests"),
        ({"image_digests": (DIGEST, "")}, "image_digests: got ''"),
        ({"model_hashes": ("c3",)}, "model_hashes: got 'c3'"),
        ({"arguments": ("python", "")}, "arguments: got ''"),
        ({"hardware": ("GCP_SHIELDED_VM",)}, "hardware: got 'GCP_SHIELDED_VM'"),
        ({"project_number": "secundus-vision"}, "project_number: got 'secundus-vision'"),
        ({"project_number": ""}, "project_number: got ''"),
        ({"service_account": "user@example.com"}, "service_account: got 'user@example.com'"),
        ({"service_account": None}, "service_account: got None"),
        ({"image_digests": (None,)}, "image_digests: got None"),
        ({"arguments": "python"}, "arguments: got 'python'"),
        ({"environment": ()}, "environment: got an empty list"),
        ({"environment": ("MODEL_URI", "a' || true || '")}, "environment: got \"a' "),
    ],
)
def test_an_invalid_policy_cannot_be_made(changes: dict[str, Any], message: str) -> None:
    """An error, never a wider policy."""
    with pytest.raises(PolicyError, match=message):
        policy(**changes)


def test_all_problems_of_a_policy_are_reported_together() -> None:
    """One preview is enough."""
    with pytest.raises(PolicyError, match=r"image_digests.*project_number"):
        policy(image_digests=(), project_number="x")


def test_a_condition_longer_than_googles_limit_is_refused() -> None:
    """Google would refuse it in the middle of an update, and the old one would stay."""
    digests = tuple(f"sha256:{n:064x}" for n in range(60))
    with pytest.raises(PolicyError, match=f"expected at most {MAX_CONDITION}"):
        policy(image_digests=digests)


def test_twenty_images_at_once_fit_with_the_longest_names() -> None:
    """The limit is far from what a rollout needs, whatever the operator's project is called."""
    digests = tuple(f"sha256:{n:064x}" for n in range(20))
    assert len(longest(image_digests=digests).condition) <= MAX_CONDITION


def longest(**changes: Any) -> AttestationPolicy:
    """A policy with the longest names that Google takes."""
    account = f"{'a' * 30}@{'b' * 30}.iam.gserviceaccount.com"
    return policy(
        project_number="9" * 19,
        service_account=account,
        model_reader=account,
        model_bucket="b" * 63,
        audience=naming.audience("9" * 19, "p" * 32, "q" * 32),
        **changes,
    )


def test_no_line_is_cut_in_a_preview_even_with_the_longest_names() -> None:
    """The engine shows 150 characters of a line; what changes must be among them."""
    assert max(map(len, longest().condition.split("\n"))) <= 150


def test_a_new_entry_changes_no_other_line() -> None:
    """At any position: a preview shows that entry alone."""
    before = policy().condition.split("\n")
    for digest in ("sha256:" + "0" * 64, "sha256:" + "f" * 64):
        after = policy(image_digests=(DIGEST, digest)).condition.split("\n")
        assert [line for line in after if line not in before] == [f"  '{digest}',"]
        assert [line for line in after if line != f"  '{digest}',"] == before


def test_an_argument_with_cel_stays_a_text() -> None:
    """The policy refuses the same claims as before."""
    hostile = policy(arguments=("python", "'] || true || ['"))
    assert not cel_engine.holds(hostile.condition, {"assertion": genuine()})
    claims = genuine({f"{CONTAINER}.args": ["python", "'] || true || ['"]})
    assert cel_engine.holds(hostile.condition, {"assertion": claims})


def test_every_clause_is_about_a_claim_of_a_live_token_or_an_optional_one() -> None:
    """A clause about any other claim would admit nobody; only overrides and a GPU are optional."""
    optional = {clause.claim for clause in policy().clauses if clause.absent_is_fine}
    assert optional == {
        f"{CONTAINER}.cmd_override",
        f"{CONTAINER}.env_override",
        "submods.nvidia_gpu",
    }
    for claim in CLAIMS - optional:
        genuine({claim: ABSENT})  # KeyError for a claim that is not there


def test_a_rendered_condition_can_be_read_back() -> None:
    """The text alone gives the clauses from which it was rendered."""
    wide = policy(image_digests=(DIGEST, NEXT_DIGEST), arguments=("it's", "\\", "é"))
    assert read(wide.condition) == wide.clauses


def test_a_condition_of_one_clause_a_line_is_read_too() -> None:
    """Earlier versions rendered it so, and such conditions are deployed."""
    old = (
        f"assertion.submods.container.image_digest in ['{DIGEST}', '{NEXT_DIGEST}'] &&\n"
        "assertion.submods.container.args == ['python', '-m', 'workload'] &&\n"
        "(!has(assertion.submods.container.env_override)"
        " || assertion.submods.container.env_override.all(name, name in ['INPUT_URI'])) &&\n"
        "size(assertion.google_service_accounts) == 1"
        f" && assertion.google_service_accounts[0] == '{ACCOUNT}'"
    )
    clauses = policy(image_digests=(DIGEST, NEXT_DIGEST), environment=("INPUT_URI",)).clauses
    claims = [clause.claim for clause in read(old)]
    assert claims == [
        f"{CONTAINER}.image_digest",
        f"{CONTAINER}.args",
        f"{CONTAINER}.env_override",
        "google_service_accounts",
    ]
    assert read(old) == tuple(c for c in clauses if c.claim in claims)
    with pytest.raises(PolicyError, match="line 1 "):
        read(old.replace("', '", "','"))


@given(st.lists(st.text(min_size=1, max_size=50), min_size=1, max_size=4))
def test_a_list_of_any_texts_is_read_back_in_either_form(texts: list[str]) -> None:
    """No text in a list looks like the layout around it."""
    rendered = policy(arguments=tuple(texts))
    assert read(rendered.condition) == rendered.clauses
    assert cel_engine.evaluate(listed(texts), {}) == cel_engine.evaluate(
        in_one_line(listed(texts)), {}
    )


@given(st.lists(st.text(), max_size=4))
def test_the_literals_of_quoted_texts_are_these_texts(texts: list[str]) -> None:
    """Nothing is lost."""
    assert literals(", ".join(map(quoted, texts))) == tuple(texts)


def test_a_clause_by_hand_is_named_and_not_explained() -> None:
    """An explanation must not ignore it."""
    lines = policy().condition.count("\n") + 1
    named = rf"line {lines + 1} .*assertion\.swname == 'GCE'.*; line {lines + 2}$"
    with pytest.raises(PolicyError, match=named):
        read(policy().condition + " &&\nassertion.swname == 'GCE' &&\ntrue")


def test_a_text_that_is_no_condition_is_not_shown() -> None:
    """It may be a secret, in the wrong file."""
    with pytest.raises(PolicyError, match=r"line 1$"):
        read('{"private_key": "SECRET"}')


def test_the_subject_is_one_run_of_one_image() -> None:
    """A subject that is a constant would make the audit log worthless."""
    subject = cel_engine.evaluate(MAPPING["google.subject"], {"assertion": genuine()})
    assert subject == f"gcpcs::{DIGEST}::222222222222::5931486520014322321"


def test_the_longest_subject_fits_googles_127_bytes() -> None:
    """A project's number is an int64 and an instance's id a uint64, so nothing can be longer."""
    gce = "submods.gce"
    claims = genuine(
        {f"{gce}.project_number": str(2**63 - 1), f"{gce}.instance_id": str(2**64 - 1)}
    )
    subject = cel_engine.evaluate(MAPPING["google.subject"], {"assertion": claims})
    assert len(subject.encode()) == 121 <= MAX_SUBJECT


@pytest.mark.parametrize("attribute", [CONFIGURED, BUILT_HERE])
def test_attributes_that_grants_name_are_the_image_digest(attribute: str) -> None:
    """Under both names."""
    assert (
        cel_engine.evaluate(MAPPING[f"attribute.{attribute}"], {"assertion": genuine()}) == DIGEST
    )


def test_the_two_attributes_have_two_names() -> None:
    """Under one name, a grant for a built image would be the binding of a grant in config."""
    assert len({CONFIGURED, BUILT_HERE}) == 2


def test_a_clause_shows_the_value_of_its_claim() -> None:
    """A fix needs got and expected."""
    claims = genuine({"dbgstat": "enabled", "submods.gce": ABSENT})
    assert [clause.got(claims) for clause in policy().explain(claims)] == ['"enabled"', "nothing"]


def test_a_missing_claim_is_the_platforms_mistake() -> None:
    """Google fills it in: an operator cannot omit it."""
    claims = genuine({"dbgstat": "enabled", "submods.gce": ABSENT})
    blamed = [clause.blame(claims) for clause in policy().explain(claims)]
    assert blamed == [Party.OPERATOR, Party.PLATFORM]
