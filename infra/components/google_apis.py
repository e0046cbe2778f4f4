"""The Google APIs that a company needs, switched on."""

from __future__ import annotations

import pulumi
import pulumi_gcp as gcp


def enabled(
    company: str, apis: tuple[str, ...], *, project: pulumi.Input[str], parent: pulumi.Resource
) -> list[pulumi.Resource]:
    """One resource an API (`storage` means storage.googleapis.com); all else depends on them."""
    return [
        gcp.projects.Service(
            f"{company}-{api}",
            project=project,
            service=f"{api}.googleapis.com",
            # Other programs may use the same API in this project; ours must not take it from them.
            disable_on_destroy=False,
            opts=pulumi.ResourceOptions(parent=parent),
        )
        for api in apis
    ]
