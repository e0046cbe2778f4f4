"""Machines: replaced or not, by which input, what they will run; and which images are approved."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from infra import naming
from infra.wording import counted
from ops.review.change import Change, Effect, Section
from ops.review.release import model_names
from ops.review.values import at, differences, text
from policy.resource import is_unknown

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from ops.review.preview import Preview, Step

MACHINE: Final = "gcp:compute/instance:Instance"
COMPANY: Final = "confidential-inference:infra:Secundus"
TYPES: Final = (MACHINE,)

_KNOWN: Final = frozenset(
    {
        "bootDisk",
        "confidentialInstanceConfig",
        "labels",
        "machineType",
        "metadata",
        "minCpuPlatform",
        "name",
        "networkInterfaces",
        "project",
        "scheduling",
        "serviceAccount",
        "shieldedInstanceConfig",
        "zone",
    }
)
"""Inputs that this program gives to its machine."""

_OBJECT: Final = "gcp:storage/bucketObject:BucketObject"
_UPLOADS: Final = "confidential-inference:infra:Uploads"
_BUCKET: Final = "gcp:storage/bucket:Bucket"
_EMAIL: Final = ("serviceAccount", "email")
_RESULTS: Final = ("metadata", "tee-env-RESULT_URI")
_IMAGE: Final = ("metadata", "tee-image-reference")
_APPROVED: Final = "approvedDigests"


def changes(preview: Preview) -> Iterator[Change]:
    """What happens to each machine, and to the list of approved images."""
    for step in preview.of_type(COMPANY):
        if step.after is not None:
            yield from _approved(step)
    for step in preview.of_type(MACHINE):
        if step.changes:
            yield from _machine(step)
            if step.after is not None:
                yield from _guards(step, preview)
    yield from _without_a_run(preview)


def _without_a_run(preview: Preview) -> Iterator[Change]:
    """A machine looks at the pictures once, when it boots."""
    pictures = [
        step
        for step in preview.of_type(_OBJECT)
        if step.changes and step.after is not None and _UPLOADS in step.parent
    ]
    machines = list(preview.of_type(MACHINE))
    if pictures and machines and not any(step.changes for step in machines):
        yield _change(
            Effect.NOTE,
            f"{counted(len(pictures), 'picture is', 'pictures are')} new or other ones, and no"
            ' machine looks at them until `run` changes: pulumi config set run "$(date)"; or'
            " pulumi config set run onNewPictures",
            machines[0],
        )


def _approved(step: Step) -> Iterator[Change]:
    """Without a list, Secundus' machine runs whatever image Primus publishes."""
    before, after = (at(properties, _APPROVED) for properties in (step.before, step.after))
    if step.before is None or before == after or is_unknown(after):
        return
    if not isinstance(after, list):
        yield _change(
            Effect.LOOSENING,
            "approvedDigests is removed: any image that Primus publishes may run on the pictures",
            step,
        )
        return
    if not isinstance(before, list):
        images = ", ".join(map(text, after))
        yield _change(
            Effect.TIGHTENING, f"only approved images may run on the pictures: {images}", step
        )
        return
    for digest in (each for each in after if each not in before):
        yield _change(Effect.ADMITTED, f"image {text(digest)} is approved for the pictures", step)
    for digest in (each for each in before if each not in after):
        yield _change(Effect.RETIRED, f"image {text(digest)} is approved no longer", step)


def _machine(step: Step) -> Iterator[Change]:
    name = text(at(step.after or step.before, "name"))
    before, after = at(step.before, *_IMAGE), at(step.after, *_IMAGE)
    if step.after is None:
        yield _change(Effect.RETIRED, f"the machine {name} is deleted; a running job ends", step)
        return
    if step.before is not None and before != after:
        yield _change(
            Effect.UNKNOWN if is_unknown(after) else Effect.OTHER,
            f"the machine {name} runs another image on the pictures: {text(after)}",
            step,
        )
    yield _happens(step, name)


def _guards(step: Step, preview: Preview) -> Iterator[Change]:
    """What a machine may not become: it has the pictures, or the model's own account."""
    name = text(at(step.after, "name"))
    unknown = sorted(step.changed_keys - _KNOWN)
    if unknown:
        sentence = f"the machine {name} has inputs that the review does not know: "
        yield _change(Effect.UNJUDGED, sentence + ", ".join(unknown), step)
    image = at(step.after, *_IMAGE)
    approved = [at(each.after, _APPROVED) for each in preview.of_type(COMPANY)]
    for digests in (each for each in approved if isinstance(each, list)):
        if isinstance(image, str) and image.rpartition("@")[2] not in digests:
            sentence = f"the machine {name} runs {text(image)}, which approvedDigests does not hold"
            yield _change(Effect.LOOSENING, sentence, step)
    yield from _account(step, name, model_names(preview))
    yield from _results(step, name, preview)


def _account(step: Step, name: str, of_model: Mapping[str, str]) -> Iterator[Change]:
    before, after = at(step.before, *_EMAIL), at(step.after, *_EMAIL)
    if after in of_model:
        sentence = (
            f"the machine {name} runs as {of_model[after]} {after}: whoever starts it reads the"
            " model, without any attestation"
        )
        yield _change(Effect.LOOSENING, sentence, step)
    elif step.before is not None and before != after:
        effect = Effect.UNKNOWN if is_unknown(after) else Effect.OTHER
        sentence = f"the machine {name} runs as {text(after)}, and no longer as {text(before)}"
        yield _change(effect, sentence, step)


def _results(step: Step, name: str, preview: Preview) -> Iterator[Change]:
    """A bucket of somebody else needs no grant of this stack."""
    before, after = at(step.before, *_RESULTS), at(step.after, *_RESULTS)
    if before == after or preview.unlisted:
        return
    own = {at(each.after, "name") for each in preview.of_type(_BUCKET)}
    bucket = naming.bucket_of(str(after))
    if is_unknown(after):
        yield _change(Effect.UNKNOWN, f"where the machine {name} writes its results", step)
    elif after is not None and bucket not in own:
        sentence = (
            f"the machine {name} writes its results to {text(after)}, which is no bucket of this"
            " stack: its owner reads them"
        )
        yield _change(Effect.LOOSENING, sentence, step)


def _happens(step: Step, name: str) -> Change:
    runs = (
        f"It runs {text(at(step.after, *_IMAGE))} on"
        f" {text(at(step.after, 'bootDisk', 'initializeParams', 'image'))}"
        f" ({text(at(step.after, 'confidentialInstanceConfig', 'confidentialInstanceType'))},"
        f" {text(at(step.after, 'machineType'))})"
    )
    if step.before is None:
        return _change(Effect.ADMITTED, f"the machine {name} is new. {runs}", step)
    differing = tuple(
        f"{path}: {text(old)} → {text(new)}"
        for path, old, new in differences(step.declared_before, step.after)
    )
    if step.op.startswith("replace"):
        reason = "of these inputs" if differing else "something that it depends on is replaced"
        sentence = f"the machine {name} is replaced because {reason}; a running job ends. {runs}"
        return _change(Effect.NOTE, sentence, step, differing)
    sentence = f"the machine {name} changes in place; a running job goes on. {runs}"
    return _change(Effect.NOTE, sentence, step, differing)


def _change(effect: Effect, sentence: str, step: Step, details: tuple[str, ...] = ()) -> Change:
    return Change(
        effect=effect,
        section=Section.MACHINES,
        sentence=sentence,
        details=details,
        urn=step.urn,
    )
