"""Before the first update: what this stack would create must not exist yet."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from infra.config.primus_settings import PrimusSettings
from ops.doctor.check import not_checked, not_ok, ok
from ops.teardown import leftovers

if TYPE_CHECKING:
    from collections.abc import Iterator

    from infra.config.secundus_settings import SecundusSettings
    from ops.doctor.check import Check
    from ops.google_api import GoogleApi

NAME: Final = "names"


def checks(
    api: GoogleApi, settings: PrimusSettings | SecundusSettings, *, deployed: bool
) -> Iterator[Check]:
    """One check for each name that is taken; one that all are free."""
    if deployed:
        yield ok(NAME, "the stack is deployed, and its names are its own")
        return
    if isinstance(settings, PrimusSettings):
        found = [*leftovers.of_primus(api, settings)]
    else:
        found = [*leftovers.of_secundus(api, settings)]
    taken = [each for each in found if each.remove]
    for each in taken:
        cure = (
            "`existing` or `adopt`: docs/existing-resources.md"
            if each.adoptable
            else f"if nobody needs it: {each.remove}"
        )
        yield not_ok(
            NAME,
            f"there is a {each.what} already, which this stack did not make",
            f"another name under `names`; or {cure}",
        )
    unknown = [each.what for each in found if each.error]
    if unknown:
        yield not_checked(
            NAME,
            f"whether these are free: {', '.join(unknown)}; before the first update most APIs are"
            " off. Its preview looks again",
        )
    elif not taken:
        yield ok(NAME, "all are free")
