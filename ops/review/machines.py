"""Machines: replaced or not, by which input, what they will run; and which images are approved.

The template of a fleet is what each of its machines is made from: it is reviewed as a machine is.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from infra import naming
from infra.wording import counted
from ops.review.change import Change, Effect, Section
from ops.review.release import model_names
from ops.review.values import at, differences, text
from policy.resource import is_unknown
from policy.rules.buckets import BUCKET
from policy.rules.machines import MACHINE, TEMPLATE

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from ops.review.preview import Preview, Step

COMPANY: Final = "confidential-inference:infra:Secundus"
TYPES: Final = (MACHINE, TEMPLATE)

_KNOWN: Final = frozenset(
    {
        "bootDisk",
        "confidentialInstanceConfig",
        "disks",
        "labels",
        "machineType",
        "metadata",
        "minCpuPlatform",
        "name",
        "namePrefix",
        "networkInterfaces",
        "project",
        "region",
        "scheduling",
        "serviceAccount",
        "shieldedInstanceConfig",
        "zone",
    }
)
"""Inputs that this program gives to its machine, or to the template of its fleet."""

_OBJECT: Final = "gcp:storage/bucketObject:BucketObject"
_UPLOADS: Final = "confidential-inference:infra:Uploads"
_EMAIL: Final = ("serviceAccount", "email")
_RESULTS: Final = ("metadata", "tee-env-RESULT_URI")
_IMAGE: Final = ("metadata", "tee-image-reference")
_APPROVED: Final = "approvedDigests"


def changes(preview: Preview) -> Iterator[Change]:
    """What happens to each machine or template, and to the list of approved images."""
    for step in preview.of_type(COMPANY):
        if step.after is not None:
            yield from _approved(step)
    for step in preview.of_type(*TYPES):
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


def _who(step: Step) -> str:
    """The machine by its name; those of a fleet together."""
    if step.type == TEMPLATE:
        return "each machine of the fleet"
    return f"the machine {text(at(step.after or step.before, 'name'))}"


def _ended(step: Step) -> str:
    """What is lost with a machine. In a fleet, another machine gets what it had in hand."""
    if step.type != TEMPLATE:
        return "a running job ends"
    return "a slice in work stays undone" if step.after is None else "a slice in work begins again"


def _machine(step: Step) -> Iterator[Change]:
    who = _who(step)
    before, after = at(step.before, *_IMAGE), at(step.after, *_IMAGE)
    if step.after is None:
        yield _change(Effect.RETIRED, f"{who} is deleted; {_ended(step)}", step)
        return
    if step.before is not None and before != after:
        yield _change(
            Effect.UNKNOWN if is_unknown(after) else Effect.OTHER,
            f"{who} runs another image on the pictures: {text(after)}",
            step,
        )
    yield _happens(step, who)


def _guards(step: Step, preview: Preview) -> Iterator[Change]:
    """What a machine may not become: it has the pictures, or the model's own account."""
    who = _who(step)
    unknown = sorted(step.changed_keys - _KNOWN)
    if unknown:
        sentence = f"{who} has inputs that the review does not know: "
        yield _change(Effect.UNJUDGED, sentence + ", ".join(unknown), step)
    image = at(step.after, *_IMAGE)
    approved = [at(each.after, _APPROVED) for each in preview.of_type(COMPANY)]
    for digests in (each for each in approved if isinstance(each, list)):
        if isinstance(image, str) and image.rpartition("@")[2] not in digests:
            sentence = f"{who} runs {text(image)}, which approvedDigests does not hold"
            yield _change(Effect.LOOSENING, sentence, step)
    yield from _account(step, who, model_names(preview))
    yield from _results(step, who, preview)


def _account(step: Step, who: str, of_model: Mapping[str, str]) -> Iterator[Change]:
    before, after = at(step.before, *_EMAIL), at(step.after, *_EMAIL)
    if after in of_model:
        sentence = (
            f"{who} runs as {of_model[after]} {after}: whoever starts it reads the"
            " model, without any attestation"
        )
        yield _change(Effect.LOOSENING, sentence, step)
    elif step.before is not None and before != after:
        effect = Effect.UNKNOWN if is_unknown(after) else Effect.OTHER
        sentence = f"{who} runs as {text(after)}, and no longer as {text(before)}"
        yield _change(effect, sentence, step)


def _results(step: Step, who: str, preview: Preview) -> Iterator[Change]:
    """A bucket of somebody else needs no grant of this stack."""
    before, after = at(step.before, *_RESULTS), at(step.after, *_RESULTS)
    if before == after or preview.unlisted:
        return
    own = preview.names(BUCKET)
    bucket = naming.bucket_of(str(after))
    if is_unknown(after):
        yield _change(Effect.UNKNOWN, f"where {who} writes its results", step)
    elif after is not None and bucket not in own:
        sentence = (
            f"{who} writes its results to {text(after)}, which is no bucket of this"
            " stack: its owner reads them"
        )
        yield _change(Effect.LOOSENING, sentence, step)


def _boots(step: Step) -> object:
    """The boot image; a template has it in its only disk."""
    if step.type != TEMPLATE:
        return at(step.after, "bootDisk", "initializeParams", "image")
    disks = at(step.after, "disks")
    if not isinstance(disks, list):
        return disks
    images = [at(disk, "sourceImage") for disk in disks]
    return images[0] if len(images) == 1 else images


def _happens(step: Step, who: str) -> Change:
    runs = (
        f"It runs {text(at(step.after, *_IMAGE))} on {text(_boots(step))}"
        f" ({text(at(step.after, 'confidentialInstanceConfig', 'confidentialInstanceType'))},"
        f" {text(at(step.after, 'machineType'))})"
    )
    if step.before is None:
        return _change(Effect.ADMITTED, f"{who} is new. {runs}", step)
    differing = tuple(
        f"{path}: {text(old)} → {text(new)}"
        for path, old, new in differences(step.declared_before, step.after)
    )
    if step.op.startswith("replace"):
        reason = "of these inputs" if differing else "something that it depends on is replaced"
        sentence = f"{who} is replaced because {reason}; {_ended(step)}. {runs}"
        return _change(Effect.NOTE, sentence, step, differing)
    sentence = f"{who} changes in place; a running job goes on. {runs}"
    return _change(Effect.NOTE, sentence, step, differing)


def _change(effect: Effect, sentence: str, step: Step, details: tuple[str, ...] = ()) -> Change:
    return Change(
        effect=effect,
        section=Section.MACHINES,
        sentence=sentence,
        details=details,
        urn=step.urn,
    )
