"""What may truly be claimed in each pinned place, written by hand, and tokens that claim just that.

This is the fuzz's own judgement of a token. It must not be made of the policy that it judges, so it
compares JSON texts: to JSON, true is not 1, and 1 is not 1.0.
"""

from __future__ import annotations

import copy
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from rehearsal.attacks.scenario import drop, put
from rehearsal.attacks.scenarios.legitimate import TCB
from rehearsal.attacks.target import OLD_IMAGE, OLD_MODEL

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rehearsal.attacks.scenario import Change
    from rehearsal.attacks.target import World

SPACE = "submods.confidential_space"
CONTAINER = "submods.container"
HASH, PLACE = f"{CONTAINER}.env.MODEL_SHA256", f"{CONTAINER}.env.MODEL_URI"
SUPPORT = f"{SPACE}.support_attributes"
VARIABLES = f"{CONTAINER}.env_override"

NAMES = ("INPUT_URI", "MODEL_AUDIENCE", "MODEL_READER", "MODEL_SHA256", "MODEL_URI", "RESULT_URI")
"""The variables that an operator may set."""

ABSENT = ""
"""Stands for no claim at all; no JSON text is empty."""


@dataclass(frozen=True)
class Truths:
    """What may be claimed in each pinned place."""

    exactly: Mapping[str, tuple[str, ...]]
    """by claim, the JSON texts; three more claims are a matter of what is in them, see `lies`"""

    @property
    def pinned(self) -> tuple[str, ...]:
        """Every pinned place."""
        return (*self.exactly, SUPPORT, VARIABLES, PLACE)

    def lies(self, claims: Mapping[str, Any]) -> tuple[str, ...]:
        """The pinned places where something else is claimed.

        Names are names whether they are the entries of a list or the keys of an object, as they are
        to CEL: no other shape of the same names says anything else.
        """
        found = [where for where, true in self.exactly.items() if _said(claims, where) not in true]
        if _said(claims, PLACE) != _place(_found(claims, HASH)):
            found.append(PLACE)
        if "STABLE" not in _names(claims, SUPPORT):
            found.append(SUPPORT)
        if _said(claims, VARIABLES) != ABSENT and not _only_ours(_names(claims, VARIABLES, [None])):
            found.append(VARIABLES)
        return tuple(found)


def _only_ours(names: list[Any]) -> bool:
    return all(name in NAMES for name in names)


def _place(sha256: Any) -> str | None:
    """Where the model of a hash is kept, as JSON; what is no text names no place."""
    place = f"gs://primus-models-model-bucket/models/{sha256}/model.tar.gz"
    return json.dumps(place) if isinstance(sha256, str) else None


def _said(claims: Mapping[str, Any], where: str) -> str:
    found = _found(claims, where)
    return ABSENT if found is _NOTHING else json.dumps(found)


def _names(claims: Mapping[str, Any], where: str, otherwise: list[Any] | None = None) -> list[Any]:
    found = _found(claims, where)
    return list(found) if isinstance(found, list | dict) else otherwise or []


_NOTHING = object()


def _found(claims: Any, where: str) -> Any:
    for key in where.split("."):
        if not isinstance(claims, dict) or key not in claims:
            return _NOTHING
        claims = claims[key]
    return claims


def truths(told: World) -> Truths:
    """What may be claimed in this world."""
    images, models = (str(told.image.digest), OLD_IMAGE), (told.handover["modelSha256"], OLD_MODEL)
    reader = "primus-sa@primus-models.iam.gserviceaccount.com"
    account = "workload-sa@secundus-vision.iam.gserviceaccount.com"
    return Truths(
        {
            "swname": ('"CONFIDENTIAL_SPACE"',),
            "dbgstat": ('"disabled-since-boot"',),
            "secboot": ("true",),
            "hwmodel": ('"GCP_AMD_SEV"', '"GCP_INTEL_TDX"'),
            f"{SPACE}.monitoring_enabled.memory": ("false",),
            f"{CONTAINER}.image_digest": tuple(map(json.dumps, images)),
            f"{CONTAINER}.args": ('["python", "-m", "workload"]',),
            f"{CONTAINER}.cmd_override": (ABSENT, "[]", "{}", '""'),
            HASH: tuple(map(json.dumps, models)),
            f"{CONTAINER}.env.MODEL_AUDIENCE": (json.dumps(told.handover["audience"]),),
            f"{CONTAINER}.env.MODEL_READER": (f'"{reader}"',),
            "submods.gce.project_number": ('"222222222222"',),
            "submods.nvidia_gpu": (ABSENT,),
            "google_service_accounts": (f'["{account}"]',),
        }
    )


def tokens(told: World) -> tuple[str, ...]:
    """The claims of tokens that say nothing else, as JSON; each is another legitimate run."""
    old_place = f"gs://primus-models-model-bucket/models/{OLD_MODEL}/model.tar.gz"
    old_model = (put(HASH, OLD_MODEL), put(PLACE, old_place))
    tdx = put("hwmodel", "GCP_INTEL_TDX")
    variants: tuple[tuple[Change, ...], ...] = (
        (),
        (tdx, put("attester_tcb", ["INTEL"]), put("tdx", TCB)),
        (tdx, put("attester_tcb", ["INTEL"]), put("tdx", [TCB])),  # as Google's page describes it
        (put(f"{CONTAINER}.image_digest", OLD_IMAGE),),
        (*old_model, put(f"{VARIABLES}.MODEL_SHA256", OLD_MODEL)),
        (drop(VARIABLES),),
        (put(VARIABLES, {}), put(f"{CONTAINER}.cmd_override", [])),
        (put(SUPPORT, ["STABLE", "USABLE"]),),
        (put(SUPPORT, ["EXPERIMENTAL", "LATEST", "STABLE", "USABLE", "HARDENED"]),),
        (put("eat_nonce", ["first-nonce", "second-nonce"]), put("swversion", ["250800", "1"])),
        (put(f"{CONTAINER}.restart_policy", "Always"), put(f"{CONTAINER}.image_signatures", [])),
        (
            tdx,
            put(f"{CONTAINER}.image_digest", OLD_IMAGE),
            *old_model,
            drop(VARIABLES),
            put(SUPPORT, ["STABLE"]),
        ),
    )
    return tuple(map(json.dumps, (_changed(told.claims, changes) for changes in variants)))


def _changed(claims: dict[str, Any], changes: tuple[Change, ...]) -> dict[str, Any]:
    claims = copy.deepcopy(claims)
    for change in changes:
        change(claims)
    return claims
