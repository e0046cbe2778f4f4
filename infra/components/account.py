"""A service account that the stack creates, takes over, or only reads."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pulumi_gcp as gcp

from infra import naming
from infra.components import origin

if TYPE_CHECKING:
    import pulumi

    from infra.config.existing_keys import Lists


def account(
    name: str,
    account_id: str,
    *,
    project: str,
    display_name: str,
    lists: Lists,
    disabled: bool | None = None,
    opts: pulumi.ResourceOptions,
) -> gcp.serviceaccount.Account:
    """The service account with this id in the project; `disabled` is for one of the stack's own."""
    path = naming.service_account_path(account_id, project)
    own = origin.of("serviceAccount", lists, path)
    if own.read:
        return gcp.serviceaccount.Account.get(name, own.read, opts)
    return gcp.serviceaccount.Account(
        name,
        account_id=account_id,
        project=project,
        display_name=display_name,
        disabled=disabled,
        opts=own.importing(opts),
    )
