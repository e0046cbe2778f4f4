"""Buckets and data: what would be lost, and what protects the rest."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Final

from infra.wording import counted
from ops.review import versions
from ops.review.change import Change, Effect, Section
from ops.review.values import NOT_KNOWN, at, differences, text
from policy.resource import is_unknown
from policy.rules.buckets import BUCKET

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ops.review.preview import Preview, Step

OBJECT: Final = "gcp:storage/bucketObject:BucketObject"
REPOSITORY: Final = "gcp:artifactregistry/repository:Repository"
TYPES: Final = (BUCKET, OBJECT, REPOSITORY)

_SHOWN: Final = 10
"""Objects named one by one."""
_DAY: Final = 24 * 60 * 60

_JUDGED: Final = (
    "forceDestroy",
    "publicAccessPrevention",
    "softDeletePolicy",
    "uniformBucketLevelAccess",
)
_WITHOUT_EFFECT: Final = ("labels", "location", "name", "project", "storageClass")
_OF_REPOSITORY: Final = (
    "description",
    "format",
    "labels",
    "location",
    "project",
    "repositoryId",
)
"""Inputs that delete no image."""
_DEFAULT_RETENTION: Final = 7 * 24 * 60 * 60
"""Seconds: https://docs.cloud.google.com/storage/docs/soft-delete"""


def changes(preview: Preview) -> Iterator[Change]:
    """Losses first, then the settings of the buckets that stay."""
    for step in preview.of_type(BUCKET, REPOSITORY):
        if step.before is not None and step.ends:
            yield _lost(step, preview)
    yield from _lost_objects(preview)
    yield from _uploads(preview)
    for step in preview.of_type(BUCKET):
        if step.op == "read" and step.physical_name != at(step.before, "name"):
            yield _used(step)
    for step in preview.of_type(REPOSITORY):
        others = sorted(step.changed_keys - {*_OF_REPOSITORY})
        if step.changes and step.after is not None and others:
            sentence = f"the image repository {step.name} also changes: {', '.join(others)}"
            yield _change(Effect.UNJUDGED, sentence, step=step, access=False)
    for step in preview.of_type(BUCKET):
        if step.changes and step.after is not None:
            yield from _settings(step)


def _why(step: Step) -> str:
    """What makes the engine replace a resource."""
    if step.op.startswith("delete"):
        return "is deleted"
    paths = sorted({path for path, _, _ in differences(step.declared_before, step.after)})
    return f"is replaced ({', '.join(paths)} changes)" if paths else "is replaced"


def _lost(step: Step, preview: Preview) -> Change:
    if step.type == REPOSITORY:
        name = text(at(step.before, "repositoryId"))
        sentence = f"the image repository {name} {_why(step)}, and every image in it is lost"
    else:
        name = text(at(step.before, "name"))
        sentence = f"the bucket {name} {_why(step)}, and every object in it is lost"
        again = _uploaded_again(at(step.before, "name"), preview)
        if again:
            sentence += f"; `up` uploads {again} of them again"
        if at(step.before, "forceDestroy") is not True:
            sentence += (
                ". Google refuses that while the bucket holds an object that this stack did not"
                " upload, such as a result: then the update stops halfway"
            )
    if step.protected:
        sentence += ". It is protected: the engine refuses the whole `up`"
    return _change(Effect.LOSS, sentence, step=step, access=False)


def _used(step: Step) -> Change:
    """One that others have made: no preview shows whose it is, and who else reads it."""
    sentence = (
        f"the existing bucket {text(step.physical_name)} is used from now on. The program refuses"
        " one of another project; a review does not show who else has grants on it"
    )
    return _change(Effect.OTHER, sentence, step=step, access=False)


def _uploaded_again(bucket: object, preview: Preview) -> int:
    """How many objects of a bucket the stack has the files of."""
    return sum(
        each.op.startswith("replace") and at(each.before, "bucket") == bucket
        for each in preview.of_type(OBJECT)
    )


def _lost_objects(preview: Preview) -> Iterator[Change]:
    """Objects that are deleted; one that is uploaded again in its place is not lost."""
    gone: Counter[str] = Counter()
    for step in preview.of_type(OBJECT):
        if step.before is None or not step.ends:
            continue
        bucket, name = at(step.before, "bucket"), text(at(step.before, "name"))
        if step.after is not None:
            continue  # the new one has the same source, and the bucket's own loss is said above
        if name.endswith("/model.tar.gz") or name == "model.tar.gz":
            sentence = f"the model {name} is deleted from the bucket {text(bucket)}"
            yield _change(Effect.LOSS, sentence, step=step, access=False)
        else:
            gone[text(bucket)] += 1
    for bucket, number in gone.items():
        are = "is" if number == 1 else "are"
        sentence = f"{counted(number, 'object')} {are} deleted from the bucket {bucket}"
        names = [
            text(at(step.before, "name"))
            for step in preview.of_type(OBJECT)
            if step.ends and step.after is None and text(at(step.before, "bucket")) == bucket
        ]
        yield _change(Effect.LOSS, sentence, _first(names), access=False)


def _uploads(preview: Preview) -> Iterator[Change]:
    """Files that go into buckets of others, or in the place of other content."""
    own = preview.names(BUCKET)
    elsewhere: dict[str, list[str]] = {}
    over: dict[str, list[str]] = {}
    for step in preview.of_type(OBJECT):
        if not step.changes or step.after is None:
            continue
        bucket, name = at(step.after, "bucket"), text(at(step.after, "name"))
        if bucket not in own and not preview.unlisted:
            elsewhere.setdefault(text(bucket), []).append(name)
        elif step.before is not None and _is_overwritten(step):
            over.setdefault(text(bucket), []).append(name)
    for bucket, names in elsewhere.items():
        files = counted(len(names), "file")
        if bucket == NOT_KNOWN:
            sentence = f"into which bucket {files} of this machine will be uploaded"
            yield _change(Effect.UNKNOWN, sentence, _first(names))
            continue
        sentence = (
            f"{files} of this machine will be uploaded into the bucket {bucket}, which is none of"
            " this stack: its owner reads what is uploaded"
        )
        yield _change(Effect.LOOSENING, sentence, _first(names))
    for bucket, names in over.items():
        sentence = (
            f"the content of {counted(len(names), 'object')} in the bucket {bucket} is overwritten"
        )
        yield _change(Effect.LOSS, sentence, _first(names), access=False)


def _is_overwritten(step: Step) -> bool:
    """Whether an object gets other content under its name."""
    kept = all(at(step.before, key) == at(step.after, key) for key in ("bucket", "name"))
    contents = [
        (at(inputs, "source", "hash"), at(inputs, "content"))
        for inputs in (step.declared_before, step.after)
    ]
    return kept and contents[0] != contents[1]


def _first(names: list[str]) -> tuple[str, ...]:
    rest = (f"and {len(names) - _SHOWN} more",) if len(names) > _SHOWN else ()
    return (*names[:_SHOWN], *rest)


def _settings(step: Step) -> Iterator[Change]:
    name = text(at(step.after, "name"))
    first = step.before is None
    prevention = at(step.after, "publicAccessPrevention")
    if prevention != "enforced" and (
        first or at(step.before, "publicAccessPrevention") != prevention
    ):
        yield _change(
            Effect.UNKNOWN if is_unknown(prevention) else Effect.LOOSENING,
            f"the bucket {name}: public access prevention is {_was(step, 'publicAccessPrevention')}"
            ": a grant to everybody would take effect, unless the organisation prevents it",
            step=step,
        )
    uniform = at(step.after, "uniformBucketLevelAccess")
    if uniform is not True and (first or at(step.before, "uniformBucketLevelAccess") != uniform):
        yield _change(
            Effect.UNKNOWN if is_unknown(uniform) else Effect.LOOSENING,
            f"the bucket {name}: uniform access is {_was(step, 'uniformBucketLevelAccess')}: each"
            " object can have grants of its own, which no preview shows",
            step=step,
        )
    yield from versions.changes(step, name)
    others = sorted(step.changed_keys - {*_JUDGED, *versions.KEYS, *_WITHOUT_EFFECT})
    if others:
        sentence = f"the bucket {name} has settings that the review does not know: "
        yield _change(Effect.UNJUDGED, sentence + ", ".join(others), step=step, access=False)
    if first:
        return
    for key, again in (("publicAccessPrevention", "enforced"), ("uniformBucketLevelAccess", True)):
        if at(step.after, key) == again != at(step.before, key):
            yield _change(
                Effect.TIGHTENING, f"the bucket {name}: {key} is {_was(step, key)}", step=step
            )
    yield from _deletion(step, name)
    if step.op == "update" and "storageClass" in step.changed_keys:
        sentence = f"the bucket {name} also changes: storageClass"
        yield _change(Effect.NOTE, sentence, step=step, access=False)


def _deletion(step: Step, name: str) -> Iterator[Change]:
    """How easily objects are deleted for good."""
    forced = at(step.after, "forceDestroy") is True
    if forced != (at(step.before, "forceDestroy") is True):
        consequence = (
            "`destroy`, or a replacement, deletes the bucket with every object in it"
            if forced
            else "Google refuses to delete the bucket while it holds objects"
        )
        yield _change(
            Effect.NOTE,
            f"the bucket {name}: forceDestroy is {_was(step, 'forceDestroy')}: {consequence}",
            step=step,
            access=False,
        )
    path = ("softDeletePolicy", "retentionDurationSeconds")
    before, after = at(step.before, *path), at(step.after, *path)
    # Without the block in the program, Google keeps what the bucket has.
    if after is not None and after != before:
        earlier = before if isinstance(before, int | float) else _DEFAULT_RETENTION
        shorter = isinstance(after, int | float) and after < earlier
        yield _change(
            Effect.LOOSENING if shorter else Effect.NOTE,
            f"the bucket {name}: a deleted object can be restored for {_days(after)}, and no longer"
            f" for {_days(before)}",
            step=step,
            access=False,
        )


def _was(step: Step, key: str) -> str:
    after = text(at(step.after, key))
    return after if step.before is None else f"{after}, and no longer {text(at(step.before, key))}"


def _days(seconds: object) -> str:
    if is_unknown(seconds):
        return f"a time that is {NOT_KNOWN}"
    if not isinstance(seconds, int | float):
        return "7 days (Google's default)"
    return counted(round(seconds / _DAY), "day")


def _change(
    effect: Effect,
    sentence: str,
    details: tuple[str, ...] = (),
    *,
    step: Step | None = None,
    access: bool = True,
) -> Change:
    return Change(
        effect=effect,
        section=Section.DATA,
        sentence=sentence,
        details=details,
        urn=step.urn if step else "",
        access=access,
    )
