"""One grant in words: who may do what, on which resource.

https://docs.cloud.google.com/iam/docs/roles-overview
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from ops.review.principals import Principal, principal
from ops.review.values import NOT_KNOWN, at, text
from policy.resource import is_unknown
from policy.rules.pinned import ONE_MODEL

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from ops.review.preview import Step

ACCOUNT: Final = "the account"
BUCKET: Final = "the bucket"
REPOSITORY: Final = "the repository"
SUBSCRIPTION: Final = "the subscription"
TOPIC: Final = "the topic"

READS: Final = "roles/storage.objectViewer"
WRITES: Final = "roles/storage.objectUser"
ACTS_AS: Final = "roles/iam.workloadIdentityUser"
MACHINE_ATTACHES: Final = "roles/iam.serviceAccountUser"

PUBLISHES: Final = "roles/pubsub.publisher"
TAKES: Final = "roles/pubsub.subscriber"

_GRANT: Final = re.compile(
    r".*I[aA]M(Member|Binding|Policy|AuditConfig)|.*Iam(Member|Binding|Policy)"
)
_TARGETS: Final = {
    "gcp:artifactregistry/repositoryIamMember:RepositoryIamMember": (
        "repository",
        REPOSITORY,
    ),
    "gcp:projects/iAMMember:IAMMember": ("project", "the project"),
    "gcp:pubsub/subscriptionIAMMember:SubscriptionIAMMember": ("subscription", SUBSCRIPTION),
    "gcp:pubsub/topicIAMMember:TopicIAMMember": ("topic", TOPIC),
    "gcp:serviceaccount/iAMMember:IAMMember": ("serviceAccountId", ACCOUNT),
    "gcp:storage/bucketIAMMember:BucketIAMMember": ("bucket", BUCKET),
}
"""By type of grant, the property that names what it is for, and the word for that."""

_ROLES: Final = {
    ACTS_AS: "may act as {}",
    MACHINE_ATTACHES: "may start machines that run as {}",
    "roles/artifactregistry.reader": "may pull the images of {}",
    "roles/confidentialcomputing.workloadUser": "may have a machine attested in {}",
    "roles/iam.serviceAccountTokenCreator": "may get tokens of {}",
    "roles/logging.logWriter": "may write logs in {}",
    PUBLISHES: "may publish messages to {}",
    TAKES: "may take the messages of {}",
    WRITES: "may read, write and delete the objects of {}",
    READS: "may read the objects of {}",
}

_NO_ACCESS: Final = frozenset(
    {
        # An image is no secret: the model is, and no image holds it.
        "roles/artifactregistry.reader",
        "roles/confidentialcomputing.workloadUser",
        "roles/logging.logWriter",
        PUBLISHES,
        TAKES,
    }
)
"""Roles that give access neither to a model nor to pictures: a message of a stream has no more than
the name of a picture."""


@dataclass(frozen=True)
class Grant:
    """What a grant gives to one member."""

    target: str
    role: str
    principal: Principal
    kind: str
    """what the target is, such as `the bucket`; empty if the review has no word for it"""
    target_name: str
    """its short name; empty if it is not known"""
    of_model: bool
    """whether the target is the model's reader or bucket"""
    model: str
    """the SHA-256 of the one model that it is limited to; empty if it is for more"""
    to_model_reader: bool
    member: str = ""
    """as Google writes it; empty if it is not known"""

    @property
    def sentence(self) -> str:
        """Who may do what, from now on or no longer."""
        words = _ROLES.get(self.role, f"has {text(self.role)} on {{}}")
        if self.model:
            words = words.replace("the objects of ", "")
        may = words.format(self.target)
        return f"{self.principal.words} {may}"

    @property
    def is_in_words(self) -> bool:
        """Whether the role is one that this program grants."""
        return self.role in _ROLES

    @property
    def of_messages(self) -> bool:
        """Whether it is to publish messages, which start machines, or to take them."""
        return self.role in (PUBLISHES, TAKES)

    @property
    def access(self) -> bool:
        """Whether it leads to a model, or to pictures and results."""
        return self.role not in _NO_ACCESS

    @property
    def admits(self) -> tuple[str, ...]:
        """What two grants have in common that admit the same image; empty if it is for no image."""
        who = self.principal
        return (who.digest, who.pool, self.role, self.target) if who.digest else ()


def is_grant(type_: str) -> bool:
    """Whether a resource type says who may do something."""
    return _GRANT.fullmatch(type_) is not None or type_.endswith(("AccessControl", "ACL"))


def is_for_one_member(type_: str) -> bool:
    """Whether a grant leaves all other grants as they are."""
    return type_.lower().endswith("iammember")


def read(
    step: Step,
    properties: Mapping[str, Any] | None,
    names: Mapping[str, str],
    pools: Collection[str],
) -> Grant | None:
    """The grant with these properties.

    `names` has the words for what is of the model, `pools` the full names of the stack's own pools.
    """
    if properties is None:
        return None
    key, word = _TARGETS.get(step.type, ("", ""))
    full = at(properties, key) if key else step.name
    name = _short(full)
    target = f"{names.get(name) or word or step.type} {name}"
    condition = at(properties, "condition", "expression")
    role = at(properties, "role")
    model = ONE_MODEL.fullmatch(condition) if isinstance(condition, str) else None
    if model is not None and model["bucket"] == name:
        target, limit = f"the model {model['sha256']} in {target}", ""
    else:
        model, limit = None, f" (if {text(condition)})" if condition else ""
    member = at(properties, "member")
    who = principal(member, pools)
    return Grant(
        target=target + limit,
        role=NOT_KNOWN if is_unknown(role) else str(role),
        principal=who,
        kind=word,
        target_name="" if is_unknown(full) else name,
        of_model=name in names,
        model=model["sha256"] if model else "",
        to_model_reader=who.address in names,
        member=member if isinstance(member, str) and who.known else "",
    )


def _short(name: object) -> str:
    """The last part of a full name, which people know."""
    return text(name.rpartition("/")[2] if isinstance(name, str) else name)
