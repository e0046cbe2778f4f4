"""Every byte of a deployment that a company can see, and every byte that leaves the machine.

A place is a name and some bytes. If it is in doubt who can see a place, both companies can.
`canary_search` searches the bytes.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING

from rehearsal.cloud.confidential_space import container
from rehearsal.companies import COMPANIES

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from rehearsal.cloud.http.server import LocalCloud
    from rehearsal.cloud.state import Bucket, Cloud, Repository
    from rehearsal.companies import Company

    Places = dict[str, bytes]

OTHER = {"primus": "secundus", "secundus": "primus"}


def by(company: str, cloud: Cloud, backend: Path) -> Places:
    """Every place in the company's project, in its audit log, and in its stack's state."""
    project = COMPANIES[company].project
    places = {
        "audit log": _text(
            [asdict(entry) for entry in cloud.audit if _is_of(company, entry.resource)]
        )
    }
    for bucket in cloud.buckets.values():
        if bucket.project == project:
            places |= _bucket(bucket)
    for repository in cloud.repositories.values():
        # Secundus pulls the image that Primus publishes.
        if repository.project == project or company == "secundus":
            places |= _repository(repository)
    for machine in cloud.instances.values():
        if machine.project == project:
            places[f"machine {machine.name}"] = _text(machine.doc)
            places["serial console"] = "\n".join(machine.serial).encode()
    for kind in ("service_accounts", "pools", "providers", "networking", "operations"):
        found = {name: each for name, each in getattr(cloud, kind).items() if _is_of(company, name)}
        places[kind] = repr(found).encode()
    places |= _state(backend)
    return places


def _is_of(company: str, resource: str) -> bool:
    own, other = COMPANIES[company], COMPANIES[OTHER[company]]
    return _names(own, resource) or not _names(other, resource)


def _names(company: Company, resource: str) -> bool:
    return company.project in resource or company.project_number in resource


def _bucket(bucket: Bucket) -> Iterator[tuple[str, bytes]]:
    yield f"gs://{bucket.name}", _text(bucket.meta)
    for name, stored in bucket.objects.items():
        yield f"gs://{bucket.name}/{name}", stored.data
        yield f"gs://{bucket.name}/{name} (metadata)", _text(stored.meta)


def _repository(repository: Repository) -> Iterator[tuple[str, bytes]]:
    yield repository.name, _text([repository.doc, [[*key] for key in repository.tags]])
    for digest, blob in repository.blobs.items():
        yield f"{repository.name} {digest}", blob


def _state(backend: Path) -> Iterator[tuple[str, bytes]]:
    """The files of both stacks' state and history: they share a backend, so each sees all."""
    for path in sorted(backend.rglob("*")):
        if path.is_file():
            yield f"state {path.relative_to(backend).as_posix()}", path.read_bytes()


def _text(value: object) -> bytes:
    return json.dumps(value, ensure_ascii=False).encode()


@dataclass
class Machine:
    """The bytes that leave the machine: its requests to Google, and the output of its workload.

    On Google Cloud nobody sees the output: the image's launch policy forbids its redirection.
    """

    cloud: Cloud
    sent: list[bytes] = field(default_factory=list)
    printed: list[str] = field(default_factory=list)

    def seen(self, local: LocalCloud) -> Places:
        """All of them, and the rest of the machines' disks."""
        disks = local.folder / "machines"
        return {
            "sent": b"\n".join(self.sent),
            "printed": "\n".join(self.printed).encode(),
            "other hosts asked for": "\n".join(local.refused_hosts).encode(),
            **{f"disk {path}": path.read_bytes() for path in disks.rglob("*") if path.is_file()},
        }

    def overheard(self, services: ASGIApp) -> ASGIApp:
        """The services; a request that no person sends comes from the machine, and is recorded."""

        async def hearing(scope: Scope, receive: Receive, send: Send) -> None:
            headers = dict(scope["headers"])
            token = headers.get(b"authorization", b"").decode().removeprefix("Bearer ")
            known = self.cloud.tokens.get(token)
            if known is not None and known.member.startswith("user:"):
                await services(scope, receive, send)
                return
            self.sent += [
                scope["raw_path"],
                scope["query_string"],
                *map(b": ".join, headers.items()),
            ]

            async def received() -> Message:
                message = await receive()
                self.sent.append(message.get("body", b""))
                return message

            await services(scope, received, send)

        return hearing

    async def run(
        self,
        command: list[str],
        folder: Path,
        env: Mapping[str, str],
        _show: object,
        notice: asyncio.Event,
    ) -> int:
        """`container.run`, with the output kept that it would throw away."""
        return await _run(command, folder, env, self.printed.append, notice)


_run = container.run
