"""Machines: replaced or not, by which input, what they run, and which images are approved."""

from __future__ import annotations

from typing import Any

import pytest

from ops.review import machines
from ops.review.change import Change, Effect
from tests.fixtures.previews import (
    BUCKET,
    MACHINE,
    OBJECT,
    PROVIDER,
    SECUNDUS,
    UNKNOWN,
    Json,
    read_preview,
    step,
    urn,
)
from tests.fixtures.tokens import READER, policy

OLD, NEW = (f"host/p/r/workload@sha256:{letter * 64}" for letter in "ab")


def machine(image: str = OLD, **changes: Any) -> Json:
    """The inputs of a machine."""
    return {
        "name": "workload-vm",
        "machineType": "n2d-standard-2",
        "bootDisk": {"initializeParams": {"image": "confidential-space-1"}},
        "confidentialInstanceConfig": {"confidentialInstanceType": "SEV"},
        "metadata": {"tee-image-reference": image},
        **changes,
    }


def told(*steps: Json) -> list[Change]:
    """Every change."""
    return list(machines.changes(read_preview(*steps)))


RUNS = f"It runs {OLD} on confidential-space-1 (SEV, n2d-standard-2)"


def test_a_new_image_replaces_the_machine_and_ends_its_job() -> None:
    """The pictures are read by other code, and the input that did it is shown."""
    other, replaced = told(step("replace", MACHINE, old=machine(), new=machine(NEW)))
    assert other.effect is Effect.OTHER
    assert other.sentence == f"the machine workload-vm runs another image on the pictures: {NEW}"
    assert replaced.effect is Effect.NOTE
    assert replaced.sentence.startswith(
        "the machine workload-vm is replaced because of these inputs; a running job ends. It runs"
        f" {NEW} on confidential-space-1"
    )
    assert replaced.details == (f"metadata.tee-image-reference: {OLD} → {NEW}",)


def test_a_machine_is_replaced_with_what_it_depends_on() -> None:
    """No input of its own changes."""
    (replaced,) = told(step("replace", MACHINE, old=machine(), new=machine()))
    assert replaced.sentence == (
        "the machine workload-vm is replaced because something that it depends on is replaced; a"
        f" running job ends. {RUNS}"
    )


def test_a_change_in_place_ends_no_job() -> None:
    """Such as a label."""
    (changed,) = told(step("update", MACHINE, old=machine(), new=machine(labels={"a": "b"})))
    assert (
        changed.sentence
        == f"the machine workload-vm changes in place; a running job goes on. {RUNS}"
    )
    assert changed.details == ("labels.a: nothing → b",)


def test_a_new_and_a_deleted_machine_are_named() -> None:
    """One reads the pictures from now on, the other no longer."""
    (new,) = told(step("create", MACHINE, new=machine()))
    assert (new.effect, new.sentence) == (
        Effect.ADMITTED,
        f"the machine workload-vm is new. {RUNS}",
    )
    (gone,) = told(step("delete", MACHINE, old=machine()))
    assert (gone.effect, gone.sentence) == (
        Effect.RETIRED,
        "the machine workload-vm is deleted; a running job ends",
    )


def test_an_unchanged_machine_is_not_mentioned() -> None:
    """Only changes are."""
    assert told(step("same", MACHINE, old=machine(), new=machine())) == []


UPLOADS = urn("confidential-inference:infra:Uploads", "secundus-pictures")


@pytest.mark.parametrize(
    ("steps", "expected"),
    [
        (["create"], "1 picture is new or other ones, and no machine looks at them"),
        (["create", "update"], "2 pictures are new or other ones, and no machine looks at them"),
        (["delete"], ""),
        (["same"], ""),
    ],
)
def test_new_pictures_without_a_run_are_mentioned(steps: list[str], expected: str) -> None:
    """Nobody would see any result of them."""
    inputs = {"bucket": "b", "name": "a.jpg"}
    pictures = [
        step(
            op,
            OBJECT,
            f"picture-{n}",
            old=None if op == "create" else inputs,
            new=None if op == "delete" else inputs,
            parent=UPLOADS,
        )
        for n, op in enumerate(steps)
    ]
    same = step("same", MACHINE, old=machine(), new=machine())
    found = told(*pictures, same)
    assert [(each.effect, each.sentence[: len(expected)]) for each in found] == (
        [(Effect.NOTE, expected)] if expected else []
    )
    # With a run, with no machine at all, or for another object, there is nothing to say.
    again = step("replace", MACHINE, old=machine(), new=machine(metadata={"run": "2"}))
    assert not [each for each in told(*pictures, again) if "looks at them" in each.sentence]
    assert told(*pictures) == []
    assert told(step("create", OBJECT, "model", new=inputs), same) == []


def test_an_unknown_image_is_called_so() -> None:
    """Its digest comes with `up`."""
    for new in (machine(UNKNOWN), machine(metadata=UNKNOWN)):
        other, *_ = told(step("replace", MACHINE, old=machine(), new=new))
        assert other.effect is Effect.UNKNOWN
        assert other.sentence.endswith("not known before `up`")


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        (["a"], ["a", "b"], [(Effect.ADMITTED, "image b is approved for the pictures")]),
        (["a", "b"], ["a"], [(Effect.RETIRED, "image b is approved no longer")]),
        (
            ["a"],
            None,
            [
                (
                    Effect.LOOSENING,
                    (
                        "approvedDigests is removed: any image that Primus publishes may run on the"
                        " pictures"
                    ),
                )
            ],
        ),
        (
            None,
            ["a", "b"],
            [(Effect.TIGHTENING, "only approved images may run on the pictures: a, b")],
        ),
        (None, None, []),
        (["a"], UNKNOWN, []),
    ],
    ids=["one more", "one less", "all", "a list", "no list", "unknown"],
)
def test_approved_images_come_and_go(
    before: Any, after: Any, expected: list[tuple[Effect, str]]
) -> None:
    """The list is Secundus' own guard."""
    old, new = ({} if each is None else {"approvedDigests": each} for each in (before, after))
    found = told(step("update", SECUNDUS, old=old, new=new))
    assert [(change.effect, change.sentence) for change in found] == expected


def test_the_first_list_of_a_new_stack_is_no_change() -> None:
    """Nothing ran before."""
    assert told(step("create", SECUNDUS, new={"approvedDigests": ["a"]})) == []


def test_a_deleted_company_approves_nothing_any_more() -> None:
    """Its machine is deleted, too, and that is said."""
    assert told(step("delete", SECUNDUS, old={"approvedDigests": ["a"]})) == []


def test_an_image_that_is_not_approved_is_a_loosening() -> None:
    """The program refuses it, unless somebody removes that from the program."""
    approved = {"approvedDigests": [OLD.partition("@")[2]]}
    company = step("same", SECUNDUS, "secundus", old=approved, new=approved)
    for changed in (
        step("replace", MACHINE, old=machine(), new=machine(NEW)),
        step("create", MACHINE, new=machine(NEW)),
    ):
        (loosening,) = (each for each in told(company, changed) if each.effect is Effect.LOOSENING)
        assert loosening.sentence == (
            f"the machine workload-vm runs {NEW}, which approvedDigests does not hold"
        )
    fine = told(company, step("create", MACHINE, new=machine(OLD)))
    assert Effect.LOOSENING not in {each.effect for each in fine}


def test_a_machine_that_runs_as_the_models_reader_is_a_loosening() -> None:
    """It needs no attestation to read the model."""
    condition = {"attributeCondition": policy().condition}
    provider = step("same", PROVIDER, old=condition, new=condition)
    new = step("create", MACHINE, new=machine(serviceAccount={"email": READER}))
    (loosening,) = (each for each in told(provider, new) if each.effect is Effect.LOOSENING)
    assert loosening.sentence.startswith(
        f"the machine workload-vm runs as the model's reader {READER}: whoever starts it reads"
    )


@pytest.mark.parametrize(("email", "effect"), [("b@x", Effect.OTHER), (UNKNOWN, Effect.UNKNOWN)])
def test_another_account_of_a_machine_is_mentioned(email: str, effect: Effect) -> None:
    """It may read other things."""
    old, new = (machine(serviceAccount={"email": each}) for each in ("a@x", email))
    changed = told(step("replace", MACHINE, old=old, new=new))
    (other,) = (each for each in changed if each.effect is effect)
    assert other.sentence.endswith(", and no longer as a@x")


@pytest.mark.parametrize(
    ("uri", "effect"), [("gs://eve/x", Effect.LOOSENING), (UNKNOWN, Effect.UNKNOWN)]
)
def test_results_for_a_bucket_of_others_are_a_loosening(uri: str, effect: Effect) -> None:
    """Its owner gives the machine's account the right to write there."""
    bucket = step("same", BUCKET, old={"name": "results"}, new={"name": "results"})
    own, others = (
        {"tee-image-reference": OLD, "tee-env-RESULT_URI": each} for each in ("gs://results", uri)
    )
    replaced = step("replace", MACHINE, old=machine(metadata=own), new=machine(metadata=others))
    assert effect in {each.effect for each in told(bucket, replaced)}
    back = step("replace", MACHINE, old=machine(metadata=others), new=machine(metadata=own))
    assert [each.effect for each in told(bucket, back)] == [Effect.NOTE]


def test_results_for_an_existing_bucket_are_no_alarm() -> None:
    """The program refuses one of another project; a preview has only the id of what is read."""
    new = machine(metadata={"tee-image-reference": OLD, "tee-env-RESULT_URI": "gs://records"})
    used = step("read", BUCKET, new={}, id="records")
    assert [each.effect for each in told(used, step("create", MACHINE, new=new))] == [
        Effect.ADMITTED
    ]


def test_an_input_of_a_machine_that_is_not_known_cannot_be_judged() -> None:
    """Another disk, for example."""
    disk = machine(attachedDisks=[{"source": "x"}])
    for changed in (
        step("create", MACHINE, new=disk),
        step("update", MACHINE, old=machine(), new=disk),
    ):
        (unjudged,) = (each for each in told(changed) if each.effect is Effect.UNJUDGED)
        assert unjudged.sentence.endswith("the review does not know: attachedDisks")
