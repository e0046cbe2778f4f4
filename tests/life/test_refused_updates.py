"""The cloud refuses each request that changes something, once: the end is as without a refusal.

The first request for each resource, each grant and each object is refused, and its dependents are
not tried. So `up`, typed again and again, gets one step further each time.
"""

from __future__ import annotations

import json
import re
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest

from ops.explain.reader import explained
from rehearsal.cloud.http.server import running
from rehearsal.cloud.state import Cloud
from rehearsal.companies import COMPANIES, two_companies
from rehearsal.demo import inventory
from rehearsal.workspace import Workspace
from tests.engine.deployed_stacks import configure, keep_one_picture, run
from tests.engine.pinned import PINNED, push

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from starlette.types import ASGIApp, Message, Receive, Scope, Send

pytestmark = [pytest.mark.engine, pytest.mark.timeout(600)]

MOST = 20
"""Updates until everything is there: more than the longest chain of dependencies."""
DENIED = {"error": {"code": 403, "message": "Permission 'x.things.create' denied on resource"}}
CHANGES = {"POST", "PUT", "PATCH", "DELETE"}
QUESTIONS = (":getIamPolicy", ":testIamPermissions", ":search")


class RefuseOnce:
    """Refuses each change the first time that it is asked for."""

    def __init__(self) -> None:
        self.refused: list[str] = []
        self.active = True
        self._seen: set[str] = set()
        self._grants: dict[str, set[str]] = {}
        """by policy, the grants after the last accepted change"""

    def middleware(self, services: ASGIApp) -> ASGIApp:
        """The services behind it."""

        async def served(scope: Scope, receive: Receive, send: Send) -> None:
            path = scope["raw_path"].decode()
            if not self.active or scope["method"] not in CHANGES or path.endswith(QUESTIONS):
                await services(scope, receive, send)
                return
            messages = [await receive()]
            while messages[-1].get("more_body"):
                messages.append(await receive())
            body = b"".join(each.get("body", b"") for each in messages)
            things = self._things(scope["method"], path, body)
            new = things - self._seen
            self._seen |= new
            self.refused += sorted(new)
            if new:
                await _deny(send)
            else:
                self._grants[path] = {each for each in things if not each.startswith("- ")}
                await services(scope, _again(messages, receive), send)

        return served

    def _things(self, method: str, path: str, body: bytes) -> set[str]:
        """What a request changes: a policy is changed for each grant that it has or has no more."""
        try:
            parsed: Any = json.loads(body or b"{}")
        except ValueError:
            parsed = {}  # an upload
        policy = parsed.get("policy", parsed)
        if method in ("POST", "PUT") and "bindings" in policy:
            grants = {
                f"{path} {each['role']} {member} {each.get('condition', '')}"
                for each in policy["bindings"]
                for member in each["members"]
            }
            return grants | {f"- {each}" for each in self._grants.get(path, set()) - grants}
        # The pool's and the object's names are in the query or in the body, and every create has
        # the same path.
        name = parsed.get("name") or parsed.get("accountId") or "" if method == "POST" else ""
        return {f"{method} {path} {name}"}


async def _deny(send: Send) -> None:
    said = json.dumps(DENIED).encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(said))]
    await send({"type": "http.response.start", "status": 403, "headers": headers})
    await send({"type": "http.response.body", "body": said})


def _again(messages: list[Message], receive: Receive) -> Receive:
    left = list(messages)

    async def replayed() -> Message:
        return left.pop(0) if left else await receive()

    return replayed


@contextmanager
def companies(folder: Path, cli: Path, refusals: RefuseOnce) -> Iterator[tuple[Workspace, Cloud]]:
    """Both stacks, nothing deployed; no image is built and no machine boots."""
    cloud = Cloud()
    two_companies(cloud)
    with running(cloud, middleware=refusals.middleware) as local:
        local.machines.boot = False
        workspace = Workspace(folder, local, cli)
        keep_one_picture(workspace.program)
        workspace.create_stacks()
        configure(workspace, "primus", {"image.digest": PINNED})
        yield workspace, cloud


def until_done(workspace: Workspace, company: str, command: str, cloud: Cloud) -> int:
    """Type `up` or `destroy` until it succeeds; how often it failed."""
    for failed in range(MOST):
        done = workspace.pulumi(company, command, "--yes", "--skip-preview")
        push(cloud)
        if done.returncode == 0:
            return failed
        for cause in explained((done.stdout + done.stderr).encode()):
            assert "x.things.create" in cause.when, cause
    raise AssertionError(done.stdout)


def state_of(cloud: Cloud) -> Any:
    """What both companies have, without ids, times and the random part of a pool's id."""
    kept = {
        "buckets": {
            name: (each.meta.get("iamConfiguration"), sorted(each.objects), each.policy.bindings)
            for name, each in cloud.buckets.items()
        },
        "accounts": {
            email: (each.disabled, each.policy.bindings)
            for email, each in cloud.service_accounts.items()
        },
        "providers": {
            name: each.doc for name, each in cloud.providers.items() if each.deleted_at is None
        },
        "repositories": {name: each.policy.bindings for name, each in cloud.repositories.items()},
        "projects": {
            name: (each.policy.bindings, sorted(each.services))
            for name, each in cloud.projects.items()
        },
        "networks": sorted(cloud.networking),
        "machines": {name: each.metadata for name, each in cloud.instances.items()},
    }
    text = json.dumps(kept, sort_keys=True)
    parsed: dict[str, Any] = json.loads(
        re.sub(r"primus-wip-[0-9a-f]{6}", "primus-wip-SUFFIX", text)
    )
    return _sorted(parsed)


def _sorted(value: Any) -> Any:
    """Bindings come in the order of the grants, which means nothing."""
    if isinstance(value, dict):
        return {key: _sorted(each) for key, each in value.items()}
    if isinstance(value, list):
        return sorted((_sorted(each) for each in value), key=str)
    return value


CHANGED = {
    "primus": {"names.provider": "another-provider", "labels.team": "vision"},
    "secundus": {"run": "again", "labels.team": "vision"},
}
"""A replacement of the pool with its provider and grants, one of the machine, updates in place."""


def test_every_refusal_is_overcome_by_the_same_command(tmp_path: Path, pulumi_cli: Path) -> None:
    """At creation, change and deletion of both companies; `explain` knows each failure."""
    quiet, refusals = RefuseOnce(), RefuseOnce()
    quiet.active = False
    expected = []
    with companies(tmp_path / "quiet", pulumi_cli, quiet) as (workspace, cloud):
        for changes in ({}, CHANGED):
            for company in COMPANIES:
                if changes:
                    configure(workspace, company, changes[company])
                run(workspace, company, "up", "--yes", "--skip-preview")
                push(cloud)
            expected.append(state_of(cloud))
    with companies(tmp_path / "refused", pulumi_cli, refusals) as (workspace, cloud):
        before = inventory.project_grants(cloud)
        refused = []
        for changes, wanted in zip(({}, CHANGED), expected, strict=True):
            for company in COMPANIES:
                if changes:
                    configure(workspace, company, changes[company])
                assert until_done(workspace, company, "up", cloud) > 0
            assert state_of(cloud) == wanted
            refused.append(len(refusals.refused))
        for company in COMPANIES:
            run(workspace, company, "preview", "--expect-no-changes")
        for company in reversed(COMPANIES):
            assert until_done(workspace, company, "destroy", cloud) > 0
        assert inventory.left(cloud, before) == []
        created, changed, deleted = refused[0], refused[1] - refused[0], len(refusals.refused)
        assert created > 35, refusals.refused
        assert changed > 8, refusals.refused[created:]
        assert deleted > refused[1] + 15, refusals.refused[refused[1] :]
