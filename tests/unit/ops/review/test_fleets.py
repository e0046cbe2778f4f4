"""A fleet: its template as a machine, its size, the source of its machines, and its messages."""

from __future__ import annotations

from typing import Any

import pytest

from ops.review import boundaries, fleets, grants, machines
from ops.review.change import Change, Effect
from tests.fixtures.previews import (
    BUCKET,
    SECUNDUS,
    UNKNOWN,
    Json,
    read_preview,
    reviewed,
    step,
    urn,
)

TEMPLATE = "gcp:compute/instanceTemplate:InstanceTemplate"
GROUP = "gcp:compute/instanceGroupManager:InstanceGroupManager"
AUTOSCALER = "gcp:compute/autoscaler:Autoscaler"
TOPIC = "gcp:pubsub/topic:Topic"
SUBSCRIPTION = "gcp:pubsub/subscription:Subscription"
NOTIFICATION = "gcp:storage/notification:Notification"
FIREWALL = "gcp:compute/firewall:Firewall"
TOPIC_GRANT = "gcp:pubsub/topicIAMMember:TopicIAMMember"
SUBSCRIPTION_GRANT = "gcp:pubsub/subscriptionIAMMember:SubscriptionIAMMember"
BUCKET_GRANT = "gcp:storage/bucketIAMMember:BucketIAMMember"
FLEET = "confidential-inference:infra:Fleet"
OLD, NEW = (f"host/p/r/workload@sha256:{letter * 64}" for letter in "ab")
OWN = "projects/p/global/instanceTemplates/workload-fleet-1"


def template(image: str = OLD, **changes: Any) -> Json:
    """The inputs of a template."""
    return {
        "namePrefix": "workload-fleet-",
        "machineType": "n2d-standard-2",
        "disks": [{"boot": True, "sourceImage": "confidential-space-1"}],
        "confidentialInstanceConfig": {"confidentialInstanceType": "SEV"},
        "metadata": {"tee-image-reference": image},
        **changes,
    }


def sizes(least: int = 0, most: int = 5, provisioning: str = "spot") -> Json:
    """The inputs of the component."""
    return {"leastMachines": least, "mostMachines": most, "provisioning": provisioning}


def of_machines(*steps: Json) -> list[Change]:
    """What the review says of machines and templates."""
    return list(machines.changes(read_preview(*steps)))


def told(*steps: Json) -> list[tuple[Effect, str]]:
    """What the review says of a fleet beside its machines."""
    return [(each.effect, each.sentence) for each in fleets.changes(read_preview(*steps))]


RUNS = "on confidential-space-1 (SEV, n2d-standard-2)"


def test_a_new_template_says_what_each_machine_runs() -> None:
    """As a new machine does."""
    (new,) = of_machines(step("create", TEMPLATE, new=template()))
    assert (new.effect, new.sentence) == (
        Effect.ADMITTED,
        f"each machine of the fleet is new. It runs {OLD} {RUNS}",
    )


def test_another_image_of_a_template_is_another_reader_of_the_pictures() -> None:
    """With the input that did it; what a machine has in hand is not lost."""
    other, replaced = of_machines(step("replace", TEMPLATE, old=template(), new=template(NEW)))
    assert (other.effect, other.sentence) == (
        Effect.OTHER,
        f"each machine of the fleet runs another image on the pictures: {NEW}",
    )
    assert replaced.sentence == (
        "each machine of the fleet is replaced because of these inputs; a slice in work begins"
        f" again. It runs {NEW} {RUNS}"
    )
    assert replaced.details == (f"metadata.tee-image-reference: {OLD} → {NEW}",)


def test_a_deleted_template_ends_the_machines() -> None:
    """Fewer read the pictures."""
    (gone,) = of_machines(step("delete", TEMPLATE, old=template()))
    assert (gone.effect, gone.sentence) == (
        Effect.RETIRED,
        "each machine of the fleet is deleted; a slice in work stays undone",
    )


@pytest.mark.parametrize(
    ("disks", "shown"),
    [
        ([{"sourceImage": "a"}, {"sourceImage": "b"}], '["a", "b"]'),
        (UNKNOWN, "not known before `up`"),
        (None, "nothing"),
    ],
)
def test_whatever_a_template_boots_is_shown(disks: Any, shown: str) -> None:
    """A second disk could be the one that it boots from."""
    (new,) = of_machines(step("create", TEMPLATE, new=template(disks=disks)))
    assert f" on {shown} (SEV" in new.sentence


def test_a_template_is_held_to_the_guards_of_a_machine() -> None:
    """Approved images, inputs that the review knows, and nobody's else results."""
    approved = {"approvedDigests": [OLD.partition("@")[2]]}
    company = step("same", SECUNDUS, "secundus", old=approved, new=approved)
    odd = template(NEW, metadataStartupScript="x")
    odd["metadata"]["tee-env-RESULT_URI"] = "gs://eve"
    found = {
        each.effect: each.sentence
        for each in of_machines(company, step("create", TEMPLATE, new=odd))
        if each.effect is not Effect.ADMITTED
    }
    assert found.keys() == {Effect.LOOSENING, Effect.UNJUDGED}
    every = [each.sentence for each in of_machines(company, step("create", TEMPLATE, new=odd))]
    assert f"each machine of the fleet runs {NEW}, which approvedDigests does not hold" in every
    assert any("does not know: metadataStartupScript" in each for each in every)
    assert any("writes its results to gs://eve, which is no bucket" in each for each in every)


def test_the_rule_against_ingress_must_hold_for_the_machines_of_a_fleet() -> None:
    """In a network of others it names the account of the template."""
    denial = {
        "denies": [{"protocol": "all"}],
        "direction": "INGRESS",
        "priority": 0,
        "sourceRanges": ["0.0.0.0/0"],
        "targetServiceAccounts": ["w@p"],
    }
    rule = step("create", FIREWALL, "f", new=denial)
    for email, alarms in (("w@p", 0), ("other@p", 1)):
        made = template(serviceAccount={"email": email})
        preview = read_preview(rule, step("same", TEMPLATE, old=made, new=made))
        assert len(list(boundaries.changes(preview))) == alarms


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (step("create", FLEET, new=sizes()), "a fleet of 0 to 5 machines (spot) is new"),
        (
            step("update", FLEET, old=sizes(), new=sizes(1, 8, "standard")),
            "the fleet has 1 to 8 machines (standard), and no longer 0 to 5 machines (spot)",
        ),
        (
            step("delete", FLEET, old=sizes(most=1)),
            "the fleet of 0 to 1 machine (spot) is deleted",
        ),
    ],
    ids=["new", "changed", "deleted"],
)
def test_the_size_of_a_fleet_and_its_provisioning_are_shown(change: Json, sentence: str) -> None:
    """They say what it may cost, and give nobody access."""
    assert told(change) == [(Effect.NOTE, sentence)]
    assert "Nothing about who can read" in reviewed(change).verdict


def scaler(least: int, most: int, **changes: Any) -> Json:
    """The inputs of the autoscaler of one zone."""
    return {"autoscalingPolicy": {"minReplicas": least, "maxReplicas": most, **changes}}


@pytest.mark.parametrize(
    ("change", "sentence", "details"),
    [
        (step("create", AUTOSCALER, "a", new=scaler(0, 3)), "is new: 0 to 3 machines", ()),
        (
            step("update", AUTOSCALER, "a", old=scaler(0, 3), new=scaler(1, 300)),
            ": 0 to 3 machines → 1 to 300 machines",
            (
                "autoscalingPolicy.maxReplicas: 3 → 300",
                "autoscalingPolicy.minReplicas: 0 → 1",
            ),
        ),
        (
            step("update", AUTOSCALER, "a", old=scaler(0, 3), new=scaler(0, 3, mode="OFF")),
            "keeps its 0 to 3 machines",
            ("autoscalingPolicy.mode: nothing → OFF",),
        ),
        (
            step("update", AUTOSCALER, "a", old=scaler(0, 3), new={"autoscalingPolicy": UNKNOWN}),
            ": 0 to 3 machines → not known before `up` to not known before `up` machines",
            None,
        ),
        (step("delete", AUTOSCALER, "a", old=scaler(0, 3)), "(0 to 3 machines) is deleted", ()),
    ],
    ids=["new", "limits", "something else", "not known", "deleted"],
)
def test_the_limits_of_each_autoscaler_are_shown(
    change: Json, sentence: str, details: tuple[str, ...] | None
) -> None:
    """It decides how many machines there are, whatever the component says of the fleet."""
    (found,) = fleets.changes(read_preview(change))
    assert found.effect is Effect.NOTE
    assert found.sentence.removeprefix("the autoscaler a").strip() == sentence
    assert details in (None, found.details)


def test_an_unchanged_fleet_is_not_mentioned() -> None:
    """Nothing happens to it."""
    assert told(step("same", FLEET, old=sizes(), new=sizes())) == []


@pytest.mark.parametrize(
    ("version", "effects"),
    [
        (OWN, []),
        ("projects/p/global/instanceTemplates/another", [Effect.LOOSENING]),
        (None, [Effect.LOOSENING]),
    ],
    ids=["of the stack's", "of somebody else", "of none"],
)
def test_a_group_makes_machines_from_the_stacks_own_template(
    version: Any, effects: list[Effect]
) -> None:
    """Another one is reviewed by nobody."""
    own = step("same", TEMPLATE, old=template(), new=template(), id=OWN)
    del own["newState"]["id"]  # as the engine prints it
    group = {"name": "workload-fleet", "versions": [{"instanceTemplate": version}]}
    assert [effect for effect, _ in told(own, step("create", GROUP, new=group))] == effects


OF_OWN: Json = {"propertyDependencies": {"versions": [urn(TEMPLATE, "it")]}}
FOREIGN = urn("gcp:x/y:Z", "eve")
REGION: Json = {"messageStoragePolicy": {"allowedPersistenceRegions": ["us-west1"]}}


@pytest.mark.parametrize(
    ("sources", "effects"),
    [
        (OF_OWN, []),
        ({}, [Effect.UNKNOWN]),
        ({"propertyDependencies": {"versions": "x"}}, [Effect.UNKNOWN]),
        ({"propertyDependencies": {"name": [urn(TEMPLATE, "it")]}}, [Effect.UNKNOWN]),
        ({"propertyDependencies": {"versions": [FOREIGN]}}, [Effect.UNKNOWN]),
        ({"propertyDependencies": {"versions": [urn(TEMPLATE, "it"), FOREIGN]}}, [Effect.UNKNOWN]),
    ],
)
def test_a_template_that_is_not_known_must_be_made_of_the_stacks_own(
    sources: Json, effects: list[Effect]
) -> None:
    """What the engine knows of its source is all that there is before `up`."""
    own = step("create", TEMPLATE, new=template())
    group = {"name": "workload-fleet", "versions": [{"instanceTemplate": UNKNOWN}]}
    found = told(own, step("create", GROUP, new=group, **sources))
    assert [effect for effect, _ in found] == effects


@pytest.mark.parametrize(
    ("kind", "key"),
    [
        (GROUP, "allInstancesConfig"),
        (AUTOSCALER, "description"),
        (TOPIC, "ingestionDataSourceSettings"),
        (SUBSCRIPTION, "pushConfig"),
        (NOTIFICATION, "customAttributes"),
    ],
)
def test_an_input_of_a_fleet_that_is_not_known_cannot_be_judged(kind: str, key: str) -> None:
    """It could send messages elsewhere, or change what machines run."""
    known = {"versions": [{"instanceTemplate": UNKNOWN}]} if kind == GROUP else {}
    found = told(
        step("create", TEMPLATE, new=template()),
        step("create", kind, new={**known, key: {"a": "b"}}, **OF_OWN),
    )
    (sentence,) = [each for effect, each in found if effect is Effect.UNJUDGED]
    assert sentence.endswith(f"the review does not know: {key}")


SLICES: Json = {"name": "slices", "project": "p", **REGION}
GOES_TO = [
    (NOTIFICATION, "topic", lambda topic: {"topic": topic}),
    (SUBSCRIPTION, "topic", lambda topic: {"topic": topic}),
    (
        SUBSCRIPTION,
        "deadLetterPolicy",
        lambda topic: {"deadLetterPolicy": {"deadLetterTopic": topic}},
    ),
]


@pytest.mark.parametrize(("kind", "key", "inputs"), GOES_TO)
@pytest.mark.parametrize("op", ["create", "replace"])
@pytest.mark.parametrize(
    ("topic", "effects"),
    [
        ("projects/p/topics/slices", []),
        ("projects/eve/topics/slices", [Effect.LOOSENING]),
        ("projects/p/topics/other", [Effect.LOOSENING]),
    ],
)
def test_messages_go_to_and_come_from_topics_of_the_stack(
    kind: str, key: str, inputs: Any, op: str, topic: str, effects: list[Effect]
) -> None:
    """Google notifies a topic of any project, whose owner then knows the names of pictures."""
    own = step("same", TOPIC, old=SLICES, new=SLICES)
    was = {"old": inputs("projects/p/topics/slices")} if op == "replace" else {}
    found = told(own, step(op, kind, new=inputs(topic), **was))
    assert [effect for effect, _ in found if effect is not Effect.NOTE] == effects
    assert all(key in sentence for effect, sentence in found if effect is not Effect.NOTE)


@pytest.mark.parametrize(("kind", "key", "inputs"), GOES_TO)
@pytest.mark.parametrize(
    ("sources", "effects"),
    [
        ([urn(TOPIC, "it")], []),
        ([], [Effect.UNKNOWN]),
        ([FOREIGN], [Effect.UNKNOWN]),
        ([urn(TOPIC, "it"), FOREIGN], [Effect.UNKNOWN]),
        ([urn(TOPIC, "read")], [Effect.UNKNOWN]),
    ],
)
def test_a_topic_that_is_not_known_must_be_made_of_the_stacks_own(
    kind: str, key: str, inputs: Any, sources: list[str], effects: list[Effect]
) -> None:
    """As a template; and one that the stack only reads is of somebody else."""
    made = step("create", kind, new=inputs(UNKNOWN), propertyDependencies={key: sources})
    topics = step("create", TOPIC, new=SLICES), step("read", TOPIC, "read", new=SLICES)
    assert [effect for effect, _ in told(*topics, made)] == effects


def test_a_template_that_the_stack_only_reads_is_of_somebody_else() -> None:
    """Nobody reviews what it says."""
    read = step("read", TEMPLATE, new=template(), id=OWN)
    group = {"name": "workload-fleet", "versions": [{"instanceTemplate": OWN}]}
    ((effect, _),) = told(read, step("create", GROUP, new=group))
    assert effect is Effect.LOOSENING


@pytest.mark.parametrize(
    ("regions", "effects"),
    [
        (["us-west1"], []),
        (["europe-west1"], [Effect.NOTE]),
        (["us-west1", "europe-west1"], [Effect.LOOSENING]),
        ([], [Effect.LOOSENING]),
        (None, [Effect.LOOSENING]),
    ],
)
def test_messages_are_kept_in_one_region(regions: Any, effects: list[Effect]) -> None:
    """A move is no alarm: a review says of each bucket that it moves."""
    policy = {"allowedPersistenceRegions": regions} if regions is not None else None
    new = {**SLICES, "messageStoragePolicy": policy, "labels": {"a": "b"}}
    assert [effect for effect, _ in told(step("update", TOPIC, old=SLICES, new=new))] == effects


def test_a_subscription_that_ends_loses_its_messages() -> None:
    """Nobody else has them."""
    own = {"name": "workload-slices"}
    for gone in (
        step("delete", SUBSCRIPTION, old=own),
        step("replace", SUBSCRIPTION, old=own, new=own),
    ):
        ((effect, sentence),) = told(gone)
        assert effect is Effect.NOTE
        assert sentence.startswith("every message of the subscription workload-slices is lost")
    assert told(step("update", SUBSCRIPTION, old=own, new={**own, "labels": {}})) == []


PUBLISHER, SUBSCRIBER = "roles/pubsub.publisher", "roles/pubsub.subscriber"
PUBSUB, STORAGE = (
    f"serviceAccount:service-%d@{domain}.iam.gserviceaccount.com"
    for domain in ("gcp-sa-pubsub", "gs-project-accounts")
)
WORKER = "serviceAccount:w@secundus-vision.iam.gserviceaccount.com"
OWNED: Json = {
    **sizes(),
    "projectNumber": "222222222222",
    "submitters": ["user:ann@x.example"],
}


IN, OUT = "the input bucket", "the result bucket"
WORK, DEAD_WORK = "the subscription of the work", "the subscription of the dead letters"
TO_WORK, TO_DEAD = "the topic of the work", "the topic of the dead letters"
TARGETS: dict[str, tuple[str, str, str, Json]] = {
    IN: ("gcp:storage/bucket:Bucket", "secundus-input", BUCKET_GRANT, {"bucket": "pictures"}),
    OUT: ("gcp:storage/bucket:Bucket", "secundus-result", BUCKET_GRANT, {"bucket": "records"}),
    WORK: (SUBSCRIPTION, "queue-slices", SUBSCRIPTION_GRANT, {"subscription": "slices"}),
    DEAD_WORK: (SUBSCRIPTION, "queue-dead-letters", SUBSCRIPTION_GRANT, {"subscription": "dead"}),
    TO_WORK: (TOPIC, "queue-slices", TOPIC_GRANT, {"topic": "slices"}),
    TO_DEAD: (TOPIC, "queue-dead-letters", TOPIC_GRANT, {"topic": "dead"}),
}
"""By target: its kind and logical name, the kind of a grant on it, and what that has of it."""


NAMED: dict[str, Json] = {
    target: {"name": name} for target, (*_, of) in TARGETS.items() for name in of.values()
}
THERE = {
    target: step("same", kind, name, old=NAMED[target], new=NAMED[target])
    for target, (kind, name, *_) in TARGETS.items()
}
ACCOUNT: Json = {"accountId": "w", "project": "secundus-vision"}
THE_ACCOUNT = step("same", "gcp:serviceaccount/account:Account", old=ACCOUNT, new=ACCOUNT)


def new_grant(role: str, member: str, target: str) -> Json:
    """One as the program declares it."""
    kind, name, grant, of = TARGETS[target]
    made_of = {key: [urn(kind, name)] for key in of}
    inputs = {**of, "role": role, "member": member}
    return step("create", grant, new=inputs, propertyDependencies=made_of)


def granted(
    role: str, member: str, target: str, there: Json | None = None, same: int = 0, **fleet: Any
) -> Change:
    """What the review says of a new grant, beside a fleet that is there."""
    preview = read_preview(
        *(THERE | ({target: there} if there else {})).values(),
        step("update", FLEET, old=OWNED, new={**OWNED, **fleet}),
        THE_ACCOUNT,
        new_grant(role, member, target),
        changeSummary={"same": same},
    )
    (found,) = grants.changes(preview)
    return found


READER, WRITER = "roles/storage.objectViewer", "roles/storage.objectUser"
ANN, EVE = "user:ann@x.example", "user:eve@x.example"
NEEDED = {
    (READER, WORKER, IN),
    (WRITER, WORKER, OUT),
    (SUBSCRIBER, WORKER, WORK),
    (READER, ANN, IN),
    (WRITER, ANN, OUT),
    (PUBLISHER, ANN, TO_WORK),
    (SUBSCRIBER, ANN, DEAD_WORK),
    (SUBSCRIBER, PUBSUB % 222222222222, WORK),
    (PUBLISHER, PUBSUB % 222222222222, TO_DEAD),
    (PUBLISHER, STORAGE % 222222222222, TO_WORK),
}
"""What the program grants: machines, a submitter, and Google's own accounts."""
MEMBERS = (WORKER, ANN, EVE, *(each % 222222222222 for each in (PUBSUB, STORAGE)))
OF_KIND = {
    BUCKET_GRANT: (READER, WRITER),
    SUBSCRIPTION_GRANT: (SUBSCRIBER,),
    TOPIC_GRANT: (PUBLISHER,),
}
POSSIBLE = [
    (role, member, target)
    for target in TARGETS
    for role in OF_KIND[TARGETS[target][2]]
    for member in MEMBERS
]


@pytest.mark.parametrize(("role", "member", "target"), POSSIBLE)
def test_who_gets_what_the_program_grants_is_no_alarm_and_anything_else_is(
    role: str, member: str, target: str
) -> None:
    """With more, a submitter or a machine deletes pictures, or ends work that nobody did.

    A message leads to the name of a picture alone; who reads the pictures is said.
    """
    found = granted(role, member, target)
    good = Effect.ADMITTED if TARGETS[target][2] == BUCKET_GRANT else Effect.NOTE
    needed = (role, member, target) in NEEDED
    assert found.effect is (good if needed else Effect.LOOSENING)
    assert found.access is (not needed or good is Effect.ADMITTED)


@pytest.mark.parametrize("before", [None, {"name": "other"}], ids=["first", "another before"])
@pytest.mark.parametrize(
    ("role", "member", "target"), [each for each in POSSIBLE if each[2] in (IN, OUT)]
)
def test_an_existing_bucket_is_as_good_as_one_that_the_stack_creates(
    role: str, member: str, target: str, before: Json | None
) -> None:
    """The program has required that it is of the stack's project. Its name is its id alone."""
    kind, name, _, of = TARGETS[target]
    there = step("read", kind, name, old=before, new={}, id=of["bucket"])
    found = granted(role, member, target, there)
    needed = (role, member, target) in NEEDED
    assert found.effect is (Effect.ADMITTED if needed else Effect.LOOSENING)


@pytest.mark.parametrize(
    ("before", "effect"),
    [
        (None, Effect.ADMITTED),
        ({"accountId": "x", "project": "secundus-vision"}, Effect.ADMITTED),
        ({"accountId": "x", "project": "eve"}, Effect.LOOSENING),
    ],
    ids=["first", "another before", "of another project"],
)
def test_an_existing_account_is_as_good_as_one_that_the_stack_creates(
    before: Json | None, effect: Effect
) -> None:
    """Its address is in its id alone. Whoever owns another project can act as its accounts."""
    address = WORKER.partition(":")[2]
    account = step(
        "read",
        "gcp:serviceaccount/account:Account",
        old=before,
        new={},
        id=f"projects/secundus-vision/serviceAccounts/{address}",
    )
    (found,) = grants.changes(read_preview(THERE[IN], account, new_grant(READER, WORKER, IN)))
    assert found.effect is effect


def among(new: Json, unlisted: int) -> Effect:
    """What the review says of a new grant where only the fleet is listed."""
    fleet = step("update", FLEET, old=OWNED, new=OWNED)
    (found,) = grants.changes(read_preview(fleet, new, changeSummary={"same": unlisted}))
    return found.effect


@pytest.mark.parametrize(("role", "member", "target"), POSSIBLE)
def test_a_grant_for_what_is_not_listed_may_be_one_that_the_program_makes(
    role: str, member: str, target: str
) -> None:
    """Without `--show-sames`. A role that nobody needs there is an alarm all the same."""
    grant = new_grant(role, member, target)
    needed = (role, target) in {(role, target) for role, _, target in NEEDED}
    assert among(grant, 1) is (Effect.UNKNOWN if needed else Effect.LOOSENING)
    assert among(grant, 0) is Effect.LOOSENING
    known = granted(role, member, target, same=90).effect
    assert (known in (Effect.ADMITTED, Effect.NOTE)) is ((role, member, target) in NEEDED)


@pytest.mark.parametrize("source", [[], [FOREIGN], [urn(BUCKET, "primus-model")]])
def test_a_grant_on_what_nobody_needs_is_an_alarm_although_not_all_is_listed(
    source: list[str],
) -> None:
    """The resource that its name comes from says what it is on."""
    grant = new_grant(READER, EVE, IN)
    grant["newState"]["propertyDependencies"] = {"bucket": source}
    assert among(grant, 1) is Effect.LOOSENING


@pytest.mark.parametrize(
    ("role", "member", "target"),
    [
        (PUBLISHER, "allUsers", TO_WORK),
        (PUBLISHER, STORAGE % 333333333333, TO_WORK),
        ("roles/pubsub.admin", ANN, TO_WORK),
        ("roles/storage.admin", ANN, OUT),
    ],
)
def test_a_stranger_or_another_role_is_an_alarm(role: str, member: str, target: str) -> None:
    """A message of a stream names a picture, and whoever publishes starts machines."""
    assert granted(role, member, target).effect is Effect.LOOSENING
    moved = granted(role, member, target, projectNumber="333333333333")
    assert moved.effect is Effect.LOOSENING


def test_a_member_who_is_not_known_may_be_a_stranger() -> None:
    """Nobody can judge it before `up`."""
    assert granted(PUBLISHER, UNKNOWN, TO_WORK).effect is Effect.UNKNOWN


def test_a_grant_of_messages_says_who_may_do_what() -> None:
    """In words."""
    assert granted(SUBSCRIBER, "group:a@b.c", WORK).sentence == (
        "from now on: the group a@b.c may take the messages of the subscription slices"
    )


def test_a_whole_new_fleet_is_known_to_the_review() -> None:
    """No kind of it is unknown, and one sentence says that the pictures have new readers."""
    made: Json = {"labels": {"a": "b"}}
    group = {"name": "g", "versions": [{"instanceTemplate": UNKNOWN}]}
    found = reviewed(
        step("create", FLEET, new=sizes()),
        step("create", TEMPLATE, new=template(NEW)),
        step("create", GROUP, new=group, **OF_OWN),
        step("create", AUTOSCALER, new={"autoscalingPolicy": {"maxReplicas": 5}}),
        step("create", TOPIC, new=made | REGION),
        step("create", SUBSCRIPTION, new=made),
        step("create", NOTIFICATION, new={"payloadFormat": "JSON_API_V1"}),
        step("create", "gcp:projects/serviceIdentity:ServiceIdentity", new={"service": "x"}),
    )
    assert Effect.UNJUDGED not in {each.effect for each in found.changes}
    assert found.verdict == "The pictures and results can be read by more workloads or people."
