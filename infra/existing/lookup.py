"""Looks up what exists already, before anything is declared: by the functions of the gcp plugin.

A resource that is not to be created must exist and be safe, on every preview and every `up`. On the
first preview of a stack, a name that it would create must be free. All problems come at once.
"""

from __future__ import annotations

import asyncio
import re
from collections import Counter
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import pulumi

from infra.existing import absence, bucket, identity, place, pool_providers
from infra.existing.found import Found, ResourcesError
from infra.existing.resources import FUNCTIONS
from infra.outputs import run_error, warn

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from infra.config.problems import Problem
    from infra.existing.resources import Resource, Settings

_ABSENT: Final = re.compile(r"Error 404|not found", re.IGNORECASE)
_FORBIDDEN: Final = re.compile(r"Error 403")
_API_IS_OFF: Final = re.compile(r"SERVICE_DISABLED|accessNotConfigured|has not been used in")

_CHECKS: Final[Mapping[str, Callable[[Found], Iterator[Problem]]]] = {
    "account": identity.account_problems,
    "bucket": bucket.problems,
    "network": place.network_problems,
    "pool": identity.pool_problems,
    "repository": place.repository_problems,
    "subnetwork": place.subnetwork_problems,
}
"""By kind."""


class Answer(NamedTuple):
    """What the plugin returned, or its error."""

    properties: Mapping[str, Any] | None
    error: str = ""


class LookUp:
    """The look-ups of one run of one stack."""

    def __init__(self, stack: str, settings: Settings, provider: pulumi.ProviderResource) -> None:
        self._stack = stack
        self._settings = settings
        self._options = pulumi.InvokeOptions(provider=provider)

    def confirmed(
        self, resources: Iterable[Resource], known_once_deployed: pulumi.Output[str]
    ) -> pulumi.Output[list[pulumi.Resource]]:
        """Nothing, once everything is as it must be: what depends on this is not declared before.

        `known_once_deployed` is any output that only the stack's first preview does not have.
        Raises RunError with all problems.
        """
        return pulumi.Output.from_input(self._confirmed([*resources], known_once_deployed))

    async def _confirmed(
        self, resources: Sequence[Resource], known_once_deployed: pulumi.Output[str]
    ) -> list[pulumi.Resource]:
        first = not await known_once_deployed.is_known()
        asked = [each for each in resources if first or not each.owned]
        answers = await asyncio.gather(
            *(self._ask(FUNCTIONS[each.kind], each.arguments) for each in asked)
        )
        problems: list[Problem] = []
        taken: Counter[str] = Counter()
        for resource, answer in zip(asked, answers, strict=True):
            if resource.owned:
                clashes = self._clashes(resource, answer, taken[resource.above])
                taken[resource.above] += len(clashes)
                problems += clashes
            else:
                problems += await self._unsafe(resource, answer)
        if problems:
            raise run_error(ResourcesError(self._stack, problems))
        return []

    async def _unsafe(self, resource: Resource, answer: Answer) -> list[Problem]:
        if answer.properties is None:
            error = "" if _ABSENT.search(answer.error) else answer.error
            project = self._settings.project
            return [absence.missing(resource, self._stack, project, error)]
        found = await self._found(resource, answer.properties)
        if resource.kind == "bucket" and not resource.adopted:
            for warning in bucket.warnings(found):
                warn(warning)
        return [*_CHECKS[resource.kind](found)]

    def _clashes(self, resource: Resource, answer: Answer, before: int) -> list[Problem]:
        """A refused look-up says nothing: whoever previews need not be allowed to look."""
        if answer.properties is not None:
            return [absence.taken(resource, self._stack, before)]
        refused = _FORBIDDEN.search(answer.error) and not _API_IS_OFF.search(answer.error)
        if resource.kind == "bucket" and refused:
            # All buckets of the world share their names.
            warn(
                f"The bucket {resource.name} may exist already, and belong to somebody else: Google"
                " answered 403 to the question. Then `up` will be refused; another name:"
                f" {resource.another_name(self._stack)}"
            )
        return []

    async def _found(self, resource: Resource, properties: Mapping[str, Any]) -> Found:
        policy = providers = None
        unread = ""
        if resource.kind == "bucket":
            policy, unread = await self._ask(
                "gcp:storage/getBucketIamPolicy:getBucketIamPolicy", {"bucket": resource.name}
            )
        if resource.kind == "account":
            policy, unread = await self._ask(
                "gcp:serviceaccount/getIamPolicy:getIamPolicy",
                {"serviceAccountId": resource.arguments["accountId"]},
            )
        if resource.kind == "pool":
            try:
                providers = await self._providers(resource)
            except pool_providers.ListingError as error:
                unread = str(error)
        return Found(
            resource=resource,
            stack=self._stack,
            project=self._settings.project,
            project_number=self._settings.project_number,
            answer=properties,
            policy=policy,
            providers=providers,
            unread=unread,
        )

    async def _providers(self, resource: Resource) -> list[dict[str, Any]]:
        """With the plugin's own credentials, which no output and no state holds."""
        answer = await self._ask("gcp:organizations/getClientConfig:getClientConfig", {})
        if answer.properties is None:
            raise pool_providers.ListingError(answer.error)
        token = answer.properties["accessToken"]
        project = self._settings.project
        return await asyncio.to_thread(pool_providers.all_of, project, resource.name, token)

    async def _ask(self, function: str, arguments: Mapping[str, str]) -> Answer:
        try:
            answer = await pulumi.runtime.invoke_async(function, dict(arguments), self._options)
        except Exception as error:  # noqa: BLE001  the SDK raises nothing narrower
            return Answer(None, " ".join(str(error).split()))
        return Answer(answer, "" if answer else "the plugin gave no answer")
