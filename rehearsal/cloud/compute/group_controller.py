"""Keeps each managed instance group at its size, with machines of its template.

`step` does all that can be done at this moment. The local cloud calls it again and again; a test
pauses that and calls it by itself. Moments are on the cloud's clock.
https://docs.cloud.google.com/compute/docs/instance-groups
"""

from __future__ import annotations

import asyncio
import logging
import secrets
import string
from typing import TYPE_CHECKING, Final, Protocol

from rehearsal.cloud.compute import autoscalers, groups, insertion
from rehearsal.cloud.compute.resources import LINK, unique
from rehearsal.cloud.http.errors import ApiError
from rehearsal.cloud.state import Instance

if TYPE_CHECKING:
    from rehearsal.cloud.state import Autoscaler, Cloud, Group

LOGGER: Final = logging.getLogger(__name__)
SUFFIX: Final = string.ascii_lowercase + string.digits
SUFFIX_LENGTH: Final = 4


class GroupMachines(Protocol):
    """Powers the machines of groups on and off."""

    def start(self, instance: Instance) -> None:
        """Power the machine on; returns at once."""

    def begin_shutdown(self, instance: Instance) -> None:
        """Announce the power-off to the machine; returns at once.

        The machine is STOPPING, and TERMINATED at the end.
        """


class GroupController:
    """Makes, replaces and removes the machines of all groups.

    `repair_seconds` is how long a machine that went off stays off before it is made anew, and
    `stabilization_seconds` how long the load of a moment counts before a group gets smaller
    (Google: 600). A caller may change all attributes at any time.
    """

    def __init__(self, cloud: Cloud, machines: GroupMachines) -> None:
        self.cloud = cloud
        self.machines = machines
        self.repair_seconds = 1.0
        self.stabilization_seconds = 5.0
        self.interval_seconds = 0.2
        self.paused = False

    async def run(self) -> None:
        """Step for ever; an error ends that, and is logged at once."""
        while True:
            if not self.paused:
                try:
                    self.step()
                except Exception:
                    LOGGER.exception("groups keep their machines no longer")
                    raise
            await asyncio.sleep(self.interval_seconds)

    def step(self) -> None:
        """Bring sizes and machines of all groups as near to what is wanted as possible."""
        for autoscaler in self.cloud.autoscalers.values():
            self._resize(autoscaler)
        for key, group in list(self.cloud.groups.items()):
            self._replace_outdated(key, group)
            self._remove_surplus(key, group)
            self._make(key, group)
            if group.deletion is not None and not groups.machines(self.cloud, key):
                group.deletion["status"] = "DONE"
                del self.cloud.groups[key]

    def _resize(self, autoscaler: Autoscaler) -> None:
        """The size for the highest load of the stabilization period.

        https://docs.cloud.google.com/compute/docs/autoscaler#stabilization_period
        """
        group, now = self.cloud.groups[autoscaler.group], self.cloud.now()
        size = autoscalers.wanted(self.cloud, autoscaler)
        if size is None:  # without data the size stays, within the bounds
            size = group.doc["targetSize"]
        oldest = now - self.stabilization_seconds
        # A moment counts no more once a later one had at least its load.
        recent = [(moment, n) for moment, n in autoscaler.wanted if moment > oldest and n > size]
        autoscaler.wanted = [*recent, (now, size)]
        highest = max(n for _, n in autoscaler.wanted)
        group.doc["targetSize"] = autoscalers.within(autoscaler, highest)

    def _replace_outdated(self, key: str, group: Group) -> None:
        """Let go of all machines of another template at once, and of their names."""
        for instance in groups.machines(self.cloud, key):
            current = group.doc["instanceTemplate"] == LINK + instance.template
            kept = instance.name in group.machines
            if current or not kept or not self._is_on(instance):
                continue
            group.machines.remove(instance.name)

    def _remove_surplus(self, key: str, group: Group) -> None:
        """Shut down what the group no longer keeps: first what is off, then what is newest."""
        size = 0 if group.deletion else group.doc["targetSize"]
        made = {each.name: each for each in groups.machines(self.cloud, key)}
        on = [name for name in group.machines if self._is_on(made.get(name))]
        off = [name for name in group.machines if name not in on]
        for name in (on + off)[size:]:
            group.machines.remove(name)
            group.off_since.pop(name, None)
        for instance in made.values():
            if instance.name in group.machines:
                continue
            if instance.doc["status"] == "TERMINATED":
                del self.cloud.instances[_instance_key(group, instance.name)]
            elif instance.doc["status"] == "RUNNING":
                self.machines.begin_shutdown(instance)

    @staticmethod
    def _is_on(instance: Instance | None) -> bool:
        return instance is not None and instance.doc["status"] == "RUNNING"

    def _make(self, key: str, group: Group) -> None:
        """Make the machines that are missing, and make those anew that are off or gone."""
        now = self.cloud.now()
        new = [self._new_name(group) for _ in range(self._missing(key, group))]
        due = []
        for name in group.machines:
            instance = self.cloud.instances.get(_instance_key(group, name))
            if instance is not None and instance.doc["status"] != "TERMINATED":
                group.off_since.pop(name, None)
            elif group.off_since.setdefault(name, now) <= now - self.repair_seconds:
                due.append(name)
        group.machines += new
        group.off_since |= dict.fromkeys(new, now - self.repair_seconds)
        for name in (*due, *new):
            try:
                self._start(key, group, name)
            except ApiError as error:  # without an address, for example: the next step tries again
                group.error = error.message
                return
        group.error = ""

    def _missing(self, key: str, group: Group) -> int:
        """How many more machines the group may have at this moment.

        Those of another template, which are on their way out, count until they are gone.
        """
        size: int = 0 if group.deletion else group.doc["targetSize"]
        outdated = [
            each
            for each in groups.machines(self.cloud, key)
            if each.name not in group.machines
            and group.doc["instanceTemplate"] != LINK + each.template
        ]
        return max(0, size - len(outdated) - len(group.machines))

    def _new_name(self, group: Group) -> str:
        while True:
            end = "".join(secrets.choice(SUFFIX) for _ in range(SUFFIX_LENGTH))
            name = f"{group.doc['baseInstanceName']}-{end}"
            taken = _instance_key(group, name) in self.cloud.instances
            if name not in group.machines and not taken:
                return name

    def _start(self, key: str, group: Group, name: str) -> None:
        """Make one machine, as a machine that somebody inserts; ApiError."""
        instance_key = _instance_key(group, name)
        template = group.doc["instanceTemplate"].removeprefix(LINK)
        properties = self.cloud.templates[template]["properties"]
        number = self.cloud.projects[group.project].number
        by_number = {
            "instance-template": template.replace(group.project, number, 1),
            "created-by": key.replace(group.project, number, 1),
        }
        items = [
            *(properties.get("metadata") or {}).get("items", []),
            *({"key": name, "value": value} for name, value in by_number.items()),
        ]
        named = {
            **properties,
            **unique(self.cloud, instance_key),
            "name": name,
            "metadata": {"items": items},
        }
        self.cloud.instances.pop(instance_key, None)
        doc = insertion.machine(self.cloud, group.project, group.zone, named)
        instance = Instance(
            doc["id"], group.project, group.zone, name, doc, group=key, template=template
        )
        self.cloud.instances[instance_key] = instance
        del group.off_since[name]
        self.machines.start(instance)


def _instance_key(group: Group, name: str) -> str:
    return f"projects/{group.project}/zones/{group.zone}/instances/{name}"
