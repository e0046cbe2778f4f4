"""The state of the local cloud as plain data, which all its services share.

All request handlers run on one event loop, so the attributes need no locks. A test may change them
directly. Nothing is ever written to disk.
"""

from __future__ import annotations

import base64
import secrets
import time
from dataclasses import dataclass, field
from typing import Any, NotRequired, TypedDict

from rehearsal.cloud.pubsub.backlog import Backlog

Json = dict[str, Any]
"""A JSON object in the spelling of Google's REST APIs."""

SERVICE_ACCOUNTS_OF_PROJECT = (
    "principalSet://cloudresourcemanager.googleapis.com/projects/{number}/type/ServiceAccount"
)
"""Every service account of one project, as a member of an allow policy.
https://docs.cloud.google.com/iam/docs/principal-identifiers"""

RESERVED_SECONDS = 30 * 24 * 3600
"""How long the id of a deleted identity pool stays reserved.
https://docs.cloud.google.com/iam/docs/manage-workload-identity-pools-providers#delete-pool"""


class Binding(TypedDict):
    """One role, its members, and rarely the CEL condition of the grant."""

    role: str
    members: list[str]
    condition: NotRequired[Json]


@dataclass
class Policy:
    """The allow policy of one resource; the etag changes with every write."""

    bindings: list[Binding] = field(default_factory=list)
    revision: int = 1
    granted_at: dict[tuple[str, str], float] = field(default_factory=dict)
    """(role, member) -> when it was granted, for those that were granted by a request"""

    @property
    def etag(self) -> str:
        """The etag that a read-modify-write must send back."""
        return base64.b64encode(f"policy-{self.revision}".encode()).decode()

    def members(self, role: str) -> set[str]:
        """Every member that holds the role here."""
        return {m for b in self.bindings if b["role"] == role for m in b["members"]}

    def as_json(self) -> Json:
        """The policy as Google's APIs return it."""
        return {"version": 3, "etag": self.etag, "bindings": self.bindings}


@dataclass
class Project:
    """A project: its id and number, its allow policy, its enabled APIs."""

    id: str
    number: str
    policy: Policy = field(default_factory=Policy)
    services: set[str] = field(default_factory=set)
    enabled_at: dict[str, float] = field(default_factory=dict)
    """API -> when it was enabled, for those that were enabled by a request"""
    billing_account: str = "billingAccounts/012345-678901-ABCDEF"
    """empty: none"""
    organization_policies: dict[str, Json] = field(default_factory=dict)
    """constraint -> the list policy that is in force"""


@dataclass
class StoredObject:
    """One object of a bucket: its metadata as the JSON API shows it, and its bytes."""

    meta: Json
    data: bytes


@dataclass
class Bucket:
    """A bucket; `project` is the id of the project that owns it."""

    name: str
    project: str
    meta: Json
    policy: Policy = field(default_factory=Policy)
    objects: dict[str, StoredObject] = field(default_factory=dict)
    noncurrent: list[StoredObject] = field(default_factory=list)
    """versions that were overwritten or deleted while versioning was on"""
    notifications: dict[str, Json] = field(default_factory=dict)
    """id -> where, and of which objects, messages are published"""


@dataclass
class ServiceAccount:
    """A service account; its own policy says who may act as it."""

    email: str
    project: str
    doc: Json
    disabled: bool = False
    policy: Policy = field(default_factory=Policy)
    keys: list[str] = field(default_factory=list)
    """ids of the keys that users have made"""


@dataclass
class Pool:
    """A workload identity pool; `name` is the full resource name, by project number."""

    name: str
    project: str
    doc: Json
    deleted_at: float | None = None


@dataclass
class Provider:
    """An OIDC provider of a pool; `doc` holds the deployed condition and mapping, word for word."""

    name: str
    pool: str
    doc: Json
    deleted_at: float | None = None


@dataclass
class Repository:
    """A docker repository of Artifact Registry; content is addressed by its SHA-256."""

    name: str
    project: str
    doc: Json
    policy: Policy = field(default_factory=Policy)
    blobs: dict[str, bytes] = field(default_factory=dict)
    manifests: dict[str, tuple[str, bytes]] = field(default_factory=dict)
    """digest -> (media type, bytes)"""
    tags: dict[tuple[str, str], str] = field(default_factory=dict)
    """(image name, tag) -> digest"""
    uploads: set[str] = field(default_factory=set)
    """uploads of blobs that have begun and not ended"""


@dataclass
class Topic:
    """A topic of Pub/Sub; it holds no message itself."""

    name: str
    project: str
    doc: Json
    policy: Policy = field(default_factory=Policy)


@dataclass
class Subscription:
    """A subscription of Pub/Sub, and the messages that it still has to deliver."""

    name: str
    project: str
    doc: Json
    policy: Policy = field(default_factory=Policy)
    backlog: Backlog = field(default_factory=Backlog)


@dataclass
class Instance:
    """A virtual machine; `doc` is its REST resource, `serial` its serial console."""

    id: str
    project: str
    zone: str
    name: str
    doc: Json
    serial: list[str] = field(default_factory=list)
    group: str = ""
    """the key of the managed instance group that made it"""
    template: str = ""
    """the key of the template that it was made of"""

    @property
    def service_account(self) -> str | None:
        """The e-mail of the attached service account."""
        accounts = self.doc.get("serviceAccounts") or []
        return accounts[0]["email"] if accounts else None

    @property
    def metadata(self) -> dict[str, str]:
        """The custom metadata, as the operator set it."""
        return {i["key"]: i["value"] for i in self.doc.get("metadata", {}).get("items", [])}


@dataclass
class Group:
    """A managed instance group of one zone; `doc` is its REST resource."""

    project: str
    zone: str
    name: str
    doc: Json
    machines: list[str] = field(default_factory=list)
    """the names of the machines that it keeps, whether they are on, off or not yet made"""
    off_since: dict[str, float] = field(default_factory=dict)
    """name -> when the machine was found off or gone"""
    error: str = ""
    """why the last machine could not be made"""
    deletion: Json | None = None
    """the operation that is done once its last machine is gone"""


@dataclass
class Autoscaler:
    """What chooses the size of a managed instance group; `doc` is its REST resource."""

    project: str
    zone: str
    name: str
    doc: Json
    group: str
    """the key of its group"""
    wanted: list[tuple[float, int]] = field(default_factory=list)
    """(moment, number of machines for the load of that moment), as far back as it counts"""


@dataclass(frozen=True)
class AccessToken:
    """The identity of an access token, and when it expires (seconds on the cloud's clock)."""

    member: str
    members: frozenset[str]
    expires: float
    machine: str = ""
    """the id of the machine whose metadata server gave it"""


@dataclass(frozen=True)
class AuditEntry:
    """One decision on a permission: caller, permission, resource, and whether it was granted."""

    member: str | None
    permission: str
    resource: str
    allowed: bool


@dataclass
class Cloud:
    """The state of the local cloud."""

    projects: dict[str, Project] = field(default_factory=dict)
    """project id -> project"""
    buckets: dict[str, Bucket] = field(default_factory=dict)
    service_accounts: dict[str, ServiceAccount] = field(default_factory=dict)
    """e-mail -> account"""
    pools: dict[str, Pool] = field(default_factory=dict)
    """projects/NUMBER/locations/global/workloadIdentityPools/POOL -> pool"""
    providers: dict[str, Provider] = field(default_factory=dict)
    """POOL NAME/providers/PROVIDER -> provider"""
    repositories: dict[str, Repository] = field(default_factory=dict)
    """projects/ID/locations/REGION/repositories/NAME -> repository"""
    topics: dict[str, Topic] = field(default_factory=dict)
    """projects/ID/topics/NAME -> topic"""
    subscriptions: dict[str, Subscription] = field(default_factory=dict)
    """projects/ID/subscriptions/NAME -> subscription"""
    networking: dict[str, Json] = field(default_factory=dict)
    """projects/ID/global/networks/N, …/regions/R/subnetworks/S, …/global/firewalls/F -> resource"""
    instances: dict[str, Instance] = field(default_factory=dict)
    """projects/ID/zones/ZONE/instances/NAME -> machine"""
    templates: dict[str, Json] = field(default_factory=dict)
    """projects/ID/global/instanceTemplates/NAME -> resource"""
    groups: dict[str, Group] = field(default_factory=dict)
    """projects/ID/zones/ZONE/instanceGroupManagers/NAME -> group"""
    autoscalers: dict[str, Autoscaler] = field(default_factory=dict)
    """projects/ID/zones/ZONE/autoscalers/NAME -> autoscaler"""
    operations: dict[str, Json] = field(default_factory=dict)
    """operation name -> the operation, already done"""
    uploads: dict[str, Any] = field(default_factory=dict)
    """session -> resumable upload of an object that has not ended"""
    generation: int = 0
    """the generation of the object that was written last"""
    tokens: dict[str, AccessToken] = field(default_factory=dict)
    deprecated_images: dict[str, str] = field(default_factory=dict)
    """Confidential Space image -> DEPRECATED or OBSOLETE"""
    audit: list[AuditEntry] = field(default_factory=list)
    propagation: dict[str, float] = field(default_factory=dict)
    """role or API -> seconds until Google's systems know that it was granted or enabled"""
    clock_offset: float = 0.0
    """seconds added to the real time, by which a test moves the cloud's clock"""

    def now(self) -> float:
        """Seconds since the epoch on the cloud's own clock."""
        return time.time() + self.clock_offset

    def add_project(self, project_id: str, number: str) -> Project:
        """Add an empty project, with no API enabled and no grant."""
        self.projects[project_id] = Project(project_id, number)
        return self.projects[project_id]

    def project(self, reference: str) -> Project | None:
        """The project with this id or number."""
        for project in self.projects.values():
            if reference in (project.id, project.number):
                return project
        return None

    def mint(
        self,
        member: str,
        lifetime: float = 3600.0,
        also: frozenset[str] = frozenset(),
        machine: str = "",
    ) -> str:
        """An opaque access token for a member and the principal sets that contain it."""
        members = {member} | also
        account = self.service_accounts.get(member.removeprefix("serviceAccount:"))
        if account is not None:
            number = self.projects[account.project].number
            members.add(SERVICE_ACCOUNTS_OF_PROJECT.format(number=number))
        token = "ya29.sandbox." + secrets.token_urlsafe(24)
        expires = self.now() + lifetime
        self.tokens[token] = AccessToken(member, frozenset(members), expires, machine)
        return token
