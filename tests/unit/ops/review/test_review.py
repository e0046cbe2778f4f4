"""One verdict, the alarms first, and nothing that is passed over in silence."""

from __future__ import annotations

import json
from typing import Any

import pytest

from infra.attestation.release_policy import ISSUER, MAPPING, TOKEN_AUDIENCE
from ops.review import data, raw
from ops.review.change import ALARMS, Effect, Section
from ops.review.review import REFUSED
from tests.fixtures.previews import (
    ACCOUNT_GRANT,
    BUCKET,
    MACHINE,
    OBJECT,
    PROVIDER,
    RELEASE,
    UNKNOWN,
    Json,
    read_preview,
    reviewed,
    step,
    urn,
)
from tests.fixtures.tokens import DIGEST, NEXT_DIGEST, policy

NETWORK = "gcp:compute/network:Network"
BOTH = policy(image_digests=(DIGEST, NEXT_DIGEST)).condition
ONE = policy().condition
OTHER = policy(image_digests=(NEXT_DIGEST,)).condition


def release(before: Any, after: Any) -> Json:
    """The step of a provider whose condition changes; its component is not listed."""
    old, new = (
        {
            "attributeCondition": each,
            "attributeMapping": dict(MAPPING),
            "oidc": {"issuerUri": ISSUER, "allowedAudiences": [TOKEN_AUDIENCE]},
            "name": "projects/1/locations/global/workloadIdentityPools/p/providers/q",
        }
        for each in (before, after)
    )
    op = "same" if before == after else "update"
    return step(op, PROVIDER, old=old, new=new, parent=urn(RELEASE, "release"))


def bucket(name: str, **changes: Any) -> Json:
    """The inputs of a private bucket."""
    return {
        "name": name,
        "publicAccessPrevention": "enforced",
        "uniformBucketLevelAccess": True,
        **changes,
    }


@pytest.mark.parametrize(
    ("before", "after", "verdict"),
    [
        (ONE, ONE, "Nothing about the release of the model changes."),
        (ONE, BOTH, "The model can be read by more workloads or people."),
        (BOTH, ONE, "The model can be read by fewer workloads or people."),
        (ONE, OTHER, "The model can be read by other workloads or people."),
        (ONE, "true", "It cannot be judged who can read the model after this change."),
        (
            ONE,
            UNKNOWN,
            (
                "It is not known before `up` who can read the model: the condition of the provider"
                " it, and with it who may act as the model's reader."
            ),
        ),
    ],
)
def test_the_verdict_is_one_sentence(before: str, after: str, verdict: str) -> None:
    """It says who can read the model after the change."""
    assert reviewed(release(before, after)).verdict == verdict


def test_the_verdict_of_the_other_company_is_about_its_pictures() -> None:
    """Its stack has no release."""
    same = step("same", BUCKET, old=bucket("input"), new=bucket("input"))
    nothing = "Nothing about who can read the pictures and results changes."
    assert reviewed(same).verdict == nothing
    public = step(
        "create",
        "gcp:storage/bucketIAMMember:BucketIAMMember",
        new={"bucket": "input", "role": "roles/storage.objectViewer", "member": "allUsers"},
    )
    more = "The pictures and results can be read by more workloads or people."
    assert reviewed(same, public).verdict == more


def test_what_gives_nobody_access_is_not_in_the_verdict() -> None:
    """A lost bucket is an alarm, and nobody can read more."""
    found = reviewed(release(ONE, ONE), step("delete", BUCKET, old=bucket("models")))
    assert found.verdict == "Nothing about the release of the model changes."
    assert [change.effect for change in found.alarms] == [Effect.LOSS]


def test_alarms_come_first_and_the_worst_of_them_first() -> None:
    """Whatever the order of the resources."""
    found = reviewed(
        release(UNKNOWN, UNKNOWN),
        release(ONE, ""),
        step("create", ACCOUNT_GRANT, new={"member": UNKNOWN, "role": "roles/x"}),
        step("create", "gcp:odd/kind:Kind", new={}),
        step("delete", BUCKET, old=bucket("models")),
    )
    assert list(dict.fromkeys(change.effect for change in found.alarms)) == list(ALARMS)
    listed = data.data(found)["changes"]
    assert [each["effect"] for each in listed[: len(found.alarms)]] == [
        change.effect.value for change in found.alarms
    ]


def test_an_unknown_kind_of_resource_cannot_be_judged() -> None:
    """Nobody has said that it gives nobody access."""
    found = reviewed(release(ONE, ONE), step("create", "gcp:sql/database:Database", "t", new={}))
    (change,) = found.alarms
    assert change.effect is Effect.UNJUDGED
    assert change.sentence == (
        "create gcp:sql/database:Database t: the review does not know this kind of resource"
    )
    unchanged = step("same", "gcp:sql/database:Database", "t", old={}, new={})
    assert reviewed(release(ONE, ONE), unchanged).alarms == ()


def test_known_kinds_without_access_are_counted() -> None:
    """Forty services need no forty lines."""
    services = [
        step("create", "gcp:projects/service:Service", f"s{number}", new={}) for number in range(3)
    ]
    found = reviewed(release(ONE, ONE), *services)
    (counted,) = found.in_section(Section.OTHERS)
    assert counted.sentence == "create: 3 gcp:projects/service:Service"
    assert found.verdict == "Nothing about the release of the model changes."


def test_changes_that_no_module_has_words_for_are_counted_too() -> None:
    """Of an update, also which inputs change."""
    found = reviewed(
        release(ONE, ONE),
        *(
            step("create", OBJECT, f"o{number}", new={"name": f"{number}", "bucket": "b"})
            for number in range(2)
        ),
        step("update", NETWORK, "n", old={"mtu": 1, "description": "x"}, new={"mtu": 2}),
    )
    assert [change.sentence for change in found.in_section(Section.OTHERS)] == [
        f"update: 1 {NETWORK} (description, mtu)",
        f"create: 2 {OBJECT}",
    ]


def test_a_grant_that_is_only_made_in_another_way_is_no_unknown_kind() -> None:
    """Of the same image, by another attribute: one line says so, and nothing is counted."""
    pool = "principalSet://iam.googleapis.com/projects/1/locations/global/workloadIdentityPools/p"
    built, named = (
        {
            "serviceAccountId": "reader",
            "role": "roles/iam.workloadIdentityUser",
            "member": f"{pool}/attribute.{attribute}/{DIGEST}",
        }
        for attribute in ("built_image_digest", "image_digest")
    )
    found = reviewed(
        release(ONE, ONE),
        step("delete", ACCOUNT_GRANT, "built", old=built),
        step("create", ACCOUNT_GRANT, "named", new=named, parent=urn(RELEASE, "release")),
    )
    assert found.verdict == "Nothing about the release of the model changes."
    assert (found.alarms, found.in_section(Section.OTHERS)) == ((), ())
    assert len(found.in_section(Section.GRANTS)) == 1


def test_a_protection_that_ends_is_a_loosening() -> None:
    """The next change may delete it; nobody can read more."""
    old = step("same", BUCKET, "b", old=bucket("b"), new=bucket("b"))
    old["oldState"]["protect"] = True
    found = reviewed(old)
    (alarm,) = found.alarms
    assert (alarm.effect, alarm.sentence) == (
        Effect.LOOSENING,
        f"{BUCKET} b is protected no longer",
    )
    assert found.verdict == "Nothing about who can read the pictures and results changes."
    old["newState"]["protect"] = True
    assert reviewed(old).alarms == ()


def test_a_mandatory_rule_is_a_violation_and_an_advisory_one_advice() -> None:
    """Also of a resource that does not change: the engine would refuse the stack all the same."""
    weak = bucket("b", publicAccessPrevention="inherited", forceDestroy=True)
    found = reviewed(step("same", BUCKET, old=weak, new=weak))
    assert [change.effect for change in found.alarms] == [Effect.VIOLATION]
    advice = [change for change in found.changes if change.effect is Effect.ADVICE]
    assert [change.sentence.partition(" ")[0] for change in advice] == [
        "bucket-force-destroy",
        "labels",
    ]


def test_a_rule_that_needs_an_unknown_value_is_left_open() -> None:
    """It is said, not passed over; the engine asks again at `up`."""
    unknown = bucket("b", uniformBucketLevelAccess=UNKNOWN, labels={"a": "b"})
    found = reviewed(step("create", BUCKET, new=unknown))
    (left_open,) = (change for change in found.changes if change.effect is Effect.OPEN)
    assert left_open.sentence == (
        "bucket-private (Bucket it): uniformBucketLevelAccess is not known before"
    )


def test_a_value_that_several_rules_need_is_mentioned_once() -> None:
    """With the names of the rules."""
    grant = {"role": "roles/iam.workloadIdentityUser", "member": UNKNOWN}
    found = reviewed(release(ONE, ONE), step("create", ACCOUNT_GRANT, new=grant))
    assert (
        "release-pool, grant-members, grant-roles (IAMMember it): member is not known before"
    ) in [change.sentence for change in found.changes if change.effect is Effect.OPEN]


def test_the_declared_condition_is_judged_by_the_rules_too() -> None:
    """Where the text is unknown, so that a dropped clause is a violation at preview."""
    short = {claim: each for claim, each in policy().described().items() if claim != "dbgstat"}
    component = step("same", RELEASE, "release", old={}, new={"declaredClauses": short})
    found = reviewed(component, release(ONE, UNKNOWN))
    violations = [each.sentence for each in found.changes if each.effect is Effect.VIOLATION]
    assert [each for each in violations if "no clause about dbgstat" in each]


def test_a_condition_that_is_not_the_declared_one_is_a_violation() -> None:
    """A review shows what is declared; of a component that is not listed nothing is known."""
    declared = {"declaredClauses": policy().described()}
    component = step("same", RELEASE, "release", old=declared, new=declared)
    found = reviewed(component, release(ONE, OTHER))
    (violation,) = (each.sentence for each in found.changes if each.effect is Effect.VIOLATION)
    assert violation.startswith("release-declared (WorkloadIdentityPoolProvider it): got ")
    found = reviewed(release(ONE, OTHER))
    (left_open,) = (each.sentence for each in found.changes if each.effect is Effect.OPEN)
    assert left_open == (
        "release-declared (WorkloadIdentityPoolProvider it): declaredClauses is not known before"
    )


def test_a_notification_of_a_queue_that_is_not_listed_is_judged_at_up() -> None:
    """The queue says which project the topics are of."""
    queue, kind = "confidential-inference:infra:WorkQueue", "gcp:storage/notification:Notification"
    topic = {"topic": "projects/eve/topics/x"}
    made = step("create", kind, new=topic, parent=urn(queue, "queue"))
    listed = step("same", queue, "queue", old={"project": "p"}, new={"project": "p"})
    for steps, effect in (((made,), Effect.OPEN), ((listed, made), Effect.VIOLATION)):
        rules = [each for each in reviewed(*steps).changes if each.section is Section.RULES]
        assert [each.effect for each in rules] == [effect]


def test_a_refusal_by_an_unknown_rule_is_a_violation() -> None:
    """Another policy pack may run beside this one."""
    failed = {"severity": "error", "message": "error: preview failed"}
    found = reviewed(release(ONE, ONE), diagnostics=[failed])
    assert [change.sentence for change in found.alarms] == [REFUSED]


def test_unlisted_resources_and_warnings_are_notes() -> None:
    """The reader must know what was not judged."""
    found = reviewed(
        release(ONE, ONE),
        changeSummary={"same": 3},
        diagnostics=[{"severity": "warning", "message": "warning: take care"}],
    )
    judged, unlisted, warning = found.notes
    assert judged.endswith("judged 1 resource.")
    assert unlisted.startswith("The preview does not list 2 unchanged resources")
    assert warning == "take care"


def test_data_has_every_change_once_and_is_json() -> None:
    """For programs."""
    found = reviewed(release(ONE, BOTH), step("delete", BUCKET, old=bucket("models")))
    parsed = json.loads(json.dumps(data.data(found)))
    assert parsed["schema"] == "confidential-inference/review/v1"
    assert (parsed["stack"], parsed["verdict"]) == ("primus", found.verdict)
    assert parsed["alarms"] == ["DATA LOSS"]
    assert len(parsed["changes"]) == len(found.changes)


def test_the_difference_has_each_changed_input_and_each_changed_line() -> None:
    """Of a condition, the lines that differ. The order is by name, the same in every run."""
    machine = {"metadata": {"run": "1"}, "zone": "a"}
    lines = list(
        raw.lines(
            read_preview(
                release(ONE, BOTH),
                step("replace", MACHINE, "vm", old=machine, new={**machine, "zone": UNKNOWN}),
                step("delete", BUCKET, old=bucket("models")),
                step("same", BUCKET, old={"a": 1}, new={"a": 2}),
                step("import", BUCKET, new={}),
                step("update", PROVIDER, old={"attributeCondition": ONE}, new={}),
            )
        )
    )
    assert lines == [
        f"+- {MACHINE} vm",
        "    zone: a → not known before `up`",
        f"~ {PROVIDER} it",
        "    attributeCondition:",
        f"      +   '{NEXT_DIGEST}',",
        f"~ {PROVIDER} it",
        f"    attributeCondition: {len(ONE.splitlines())} lines → nothing",
        f"- {BUCKET} it",
        f"import {BUCKET} it",
    ]
