"""Where the messages of a fleet and of the buckets go, against what the stack deployed.

Those of a stream have the names of pictures. No grant says who else gets them: a bucket can
announce its objects to any topic, a subscription can send messages away by itself, and a topic can
have more than one subscription.
https://docs.cloud.google.com/storage/docs/pubsub-notifications
https://docs.cloud.google.com/pubsub/docs/reference/rest/v1/projects.subscriptions
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ops.audit.finding import difference, not_read
from ops.google_api import NOT_FOUND, ApiError
from ops.stack_state import BUCKET
from policy.rules.fleets import ELSEWHERE, NOTIFICATION, SUBSCRIPTION, TOPIC

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from ops.audit.finding import Finding
    from ops.google_api import GoogleApi, Json
    from ops.stack_state import Deployed

PUBSUB: Final = "pubsub.googleapis.com/v1"


def messages(api: GoogleApi, resources: Iterable[Deployed], project: str) -> Iterator[Finding]:
    """Each subscription gives messages to whoever has a grant, and no topic has another one."""
    resources = tuple(resources)
    own = {each.id for each in resources if each.type == SUBSCRIPTION}
    for each in resources:
        if each.type not in (TOPIC, SUBSCRIPTION):
            continue
        kind = "topic" if each.type == TOPIC else "subscription"
        what = f"the {kind} {_short(each.id)}"
        try:
            if each.type == TOPIC:
                url = f"{PUBSUB}/{each.id}/subscriptions"
                # The items of this list are names.
                names = {str(name) for name in api.pages(url, "subscriptions")}
                yield from (_another(what, name) for name in sorted(names - own))
            else:
                yield from _elsewhere(what, each, api.get(f"{PUBSUB}/{each.id}"))
        except ApiError as error:
            if error.status == NOT_FOUND:
                yield difference(f"{what} is gone", "no work reaches the machines")
            else:
                yield not_read(f"where the messages of {what} go", error, project)


def announcements(api: GoogleApi, resources: Iterable[Deployed], project: str) -> Iterator[Finding]:
    """Each bucket announces its objects only as the stack deployed it, if at all."""
    resources = tuple(resources)
    own = {each.id for each in resources if each.type == NOTIFICATION}
    for resource in (each for each in resources if each.type == BUCKET):
        bucket = resource.id
        # The stack does not change an existing bucket, and others announce it for their reasons.
        if_unneeded = "" if resource.managed else "if nobody of yours needs it: "
        url = f"storage.googleapis.com/storage/v1/b/{bucket}/notificationConfigs"
        try:
            found = api.get(url).get("items", ())
        except ApiError as error:
            yield not_read(f"the notifications of the bucket {bucket}", error, project)
            continue
        for each in found:
            name = f"{bucket}/notificationConfigs/{each['id']}"
            if name not in own:
                topic = str(each.get("topic")).removeprefix("//pubsub.googleapis.com/")
                yield difference(
                    f"the bucket {bucket} announces its objects to {topic}, too",
                    "whoever reads there gets the names of new objects; a second one to the topic"
                    " of the fleet has every picture announced twice",
                    f"{if_unneeded}gcloud storage buckets notifications delete"
                    f" projects/_/buckets/{name}",
                )


def _short(reference: object) -> str:
    return str(reference).rpartition("/")[2]


def _elsewhere(what: str, each: Deployed, found: Json) -> Iterator[Finding]:
    for key in ELSEWHERE:
        if found.get(key):
            yield difference(
                f"{what} sends its messages elsewhere ({key})",
                "whoever is there gets the names of new pictures, and the machines get no work",
            )
    now, deployed = (
        (policy or {}).get("deadLetterTopic", "nothing")
        for policy in (found.get("deadLetterPolicy"), each.properties.get("deadLetterPolicy"))
    )
    if now != deployed:
        yield difference(
            f"{what} gives its dead letters to {now}, deployed was {deployed}",
            "nobody sees here what failed too often",
        )


def _another(what: str, name: str) -> Finding:
    return difference(
        f"{what} has another subscription, {name}",
        "it gets a copy of every message: names of new pictures, and which jobs there are",
        f"gcloud pubsub subscriptions delete {name}",
    )
