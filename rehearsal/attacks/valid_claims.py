"""The valid values of each claim that a clause is about, written by hand, and valid tokens.

This is the fuzz's own judgement of a token, so it must not be derived from the policy that it
judges. It compares JSON texts: in JSON, true is not 1, and 1 is not 1.0.
"""

from __future__ import annotations

import copy
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from rehearsal.attacks.deployment import OLD_IMAGE, OLD_MODEL
from rehearsal.attacks.scenario import drop, put
from rehearsal.attacks.scenarios.legitimate import TCB

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rehearsal.attacks.deployment import Target
    from rehearsal.attacks.scenario import Change

SPACE = "submods.confidential_space"
CONTAINER = "submods.container"
HASH, PLACE = f"{CONTAINER}.env.MODEL_SHA256", f"{CONTAINER}.env.MODEL_URI"
SUPPORT = f"{SPACE}.support_attributes"
VARIABLES = f"{CONTAINER}.env_override"

NAMES = (
    "INPUT_URI",
    "MODEL_AUDIENCE",
    "MODEL_READER",
    "MODEL_SHA256",
    "MODEL_URI",
    "RESULT_URI",
    "SUBSCRIPTION",
)
"""The variables that an operator may set."""

ABSENT = ""
"""Means that the claim is absent; no JSON text is empty."""


@dataclass(frozen=True)
class ValidClaims:
    """The valid values, by claim."""

    exactly: Mapping[str, tuple[str, ...]]
    """by claim, the JSON texts; `invalid` checks three more claims by their content"""

    @property
    def claims(self) -> tuple[str, ...]:
        """Every claim that a clause is about."""
        return (*self.exactly, SUPPORT, VARIABLES, PLACE)

    def invalid(self, claims: Mapping[str, Any]) -> tuple[str, ...]:
        """The claims whose value is not valid.

        CEL treats the entries of a list and the keys of an object alike; this function does too.
        """
        found = [
            where for where, valid in self.exactly.items() if _said(claims, where) not in valid
        ]
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
    """The URI of the model with a hash, as JSON; None if the hash is no text."""
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


def valid_claims(target: Target) -> ValidClaims:
    """The valid values for a target."""
    images, models = (
        (str(target.image.digest), OLD_IMAGE),
        (target.handover["modelSha256"], OLD_MODEL),
    )
    reader = "primus-sa@primus-models.iam.gserviceaccount.com"
    account = "workload-sa@secundus-vision.iam.gserviceaccount.com"
    return ValidClaims(
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
            f"{CONTAINER}.env.MODEL_AUDIENCE": (json.dumps(target.handover["audience"]),),
            f"{CONTAINER}.env.MODEL_READER": (f'"{reader}"',),
            "submods.gce.project_number": ('"222222222222"',),
            "submods.nvidia_gpu": (ABSENT,),
            "google_service_accounts": (f'["{account}"]',),
        }
    )


def tokens(target: Target) -> tuple[str, ...]:
    """The claims of valid tokens, as JSON; each is another legitimate run."""
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
    return tuple(map(json.dumps, (_changed(target.claims, changes) for changes in variants)))


def _changed(claims: dict[str, Any], changes: tuple[Change, ...]) -> dict[str, Any]:
    claims = copy.deepcopy(claims)
    for change in changes:
        change(claims)
    return claims
