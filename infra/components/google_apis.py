"""Enables the Google APIs that a company needs."""

from __future__ import annotations

import pulumi
import pulumi_gcp as gcp


def enabled(
    company: str, apis: tuple[str, ...], *, project: pulumi.Input[str], parent: pulumi.Resource
) -> list[pulumi.CustomResource]:
    """One resource for each API (`storage` means storage.googleapis.com); others depend on them."""
    return [
        gcp.projects.Service(
            f"{company}-{api}",
            project=project,
            service=f"{api}.googleapis.com",
            # Other programs may use the same API in this project.
            disable_on_destroy=False,
            opts=pulumi.ResourceOptions(parent=parent),
        )
        for api in apis
    ]
