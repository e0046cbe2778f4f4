"""Rules about the plugins' settings: where a plugin sends what it uploads, and by whose right."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from policy.rule import Rule

if TYPE_CHECKING:
    from collections.abc import Iterator

    from policy.resource import Resource

GOOGLE: Final = "pulumi:providers:gcp"

_FIXED: Final = ("accessToken", "credentials", "externalCredentials")
_ELSEWHERE: Final = "CustomEndpoint"
_UNIVERSE: Final = "universeDomain"


def google(resource: Resource) -> Iterator[str]:
    """Whether the plugin talks to Google, as whoever runs it."""
    if resource.type != GOOGLE:
        return
    for key in sorted(resource.properties):
        if not resource.value(key):
            continue
        if key.endswith(_ELSEWHERE) or key == _UNIVERSE:
            yield (
                f"got {key}, expected none: the model or the pictures would be uploaded to another"
                " address, with a token of whoever deploys"
            )
        if key in _FIXED:
            yield (
                f"got {key}, expected none: the state would hold a credential. The plugin takes the"
                " credential of whoever deploys"
            )


RULES: Final = (
    Rule(
        name="plugin-google",
        description="The gcp plugin sends requests to Google only, and no credential is an input.",
        check=google,
    ),
)
