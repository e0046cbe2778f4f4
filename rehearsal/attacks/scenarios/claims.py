"""Lies in the claims: signed tokens with claims that Google would never sign.

Each claim of a clause is removed, set to null, to another type, to a longer value and to a
look-alike. The values come from the genuine token of the deployed machine. The attribute mapping
runs before the condition, and refuses a claim that it needs and that is no text.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from infra.naming import audience
from rehearsal.attacks.deployment import OLD_MODEL
from rehearsal.attacks.gates import REJECTED, Gate
from rehearsal.attacks.scenario import Row, claiming, drop, put, value

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from rehearsal.attacks.scenario import Change

SPACE = "submods.confidential_space"
CONTAINER = "submods.container"
GCE = "submods.gce"
ENV = f"{CONTAINER}.env"
GPU = "submods.nvidia_gpu"
DIGEST = f"{CONTAINER}.image_digest"
NUMBER = f"{GCE}.project_number"

ZERO_DIGEST = "sha256:" + "0" * 64
LOOKALIKES = dict(
    zip(
        "aeopcSOACEPTgd0123",
        "\u0430\u0435\u043e\u0440\u0441\u0405\u041e\u0410\u0421"
        "\u0415\u0420\u0422\u0261\u0501\uff10\uff11\uff12\uff13",
        strict=True,
    )
)
"""Letters and digits, and what looks the same in Cyrillic, Latin extended and full width."""

TEXTS: dict[str, tuple[str, ...]] = {
    "swname": ("GCE", "CONFIDENTIAL_SPACE_DEBUG"),
    "dbgstat": ("enabled", "enable", "disabled", "disabled-since-last-boot"),
    "hwmodel": ("GCP_SHIELDED_VM", "GCP_AMD_SEV_ES", "GCP_AMD_SEV_SNP", "INTEL_TDX", "AMD_SEV"),
    DIGEST: (ZERO_DIGEST,),
    f"{ENV}.MODEL_SHA256": ("0" * 64,),
    f"{ENV}.MODEL_URI": (
        f"gs://primus-models-model-bucket/models/{'0' * 64}/model.tar.gz",
        "gs://primus-models-model-bucket/none",
        "gs://primus-models-secrets/model.tar.gz",
    ),
    f"{ENV}.MODEL_AUDIENCE": (
        audience("111111111111", "another-pool", "primus-wip-provider"),
        audience("222222222222", "own-pool", "own-provider"),
    ),
    f"{ENV}.MODEL_READER": (
        "deployer@primus-models.iam.gserviceaccount.com",
        "primus-sa@secundus-vision.iam.gserviceaccount.com",
    ),
    NUMBER: ("333333333333", "0222222222222", "secundus-vision"),
}
"""Claims that are a text, and false values that look reasonable."""

FLAGS = ("secboot", f"{SPACE}.monitoring_enabled.memory")
LISTS: dict[str, str] = {
    f"{SPACE}.support_attributes": "the support attributes",
    f"{CONTAINER}.args": "the arguments",
    "google_service_accounts": "the service accounts",
}
OBJECTS = (
    "submods",
    SPACE,
    f"{SPACE}.monitoring_enabled",
    CONTAINER,
    ENV,
    GCE,
)
MAPPED = ("submods", CONTAINER, GCE, DIGEST, NUMBER)
"""Without these there is no subject, and the token service stops before the condition."""

NO_TEXT = "must be of type STRING."
TOO_LONG = "exceeds the 127 bytes limit."
OTHER_ACCOUNT = "somebody@secundus-vision.iam.gserviceaccount.com"


def _rejected(lie: str, *changes: Change) -> Row:
    return Row(
        layer="claims",
        lie=lie,
        by=Gate.CONDITION,
        says=REJECTED,
        attempt=claiming(*changes),
    )


def _broken(lie: str, where: str, change: Change, *, no_text: bool = True) -> Row:
    """A changed claim: the mapping refuses it if it needs a text there, else the condition."""
    if where not in MAPPED or not no_text:
        return _rejected(lie, change)
    return _unmapped(lie, NO_TEXT, change)


def _unmapped(lie: str, says: str, change: Change) -> Row:
    return Row(layer="claims", lie=lie, by=Gate.MAPPING, says=says, attempt=claiming(change))


def _becoming(where: str, make: Callable[[Any], object]) -> Change:
    """A change that makes a claim of its genuine value."""

    def change(claims: dict[str, Any]) -> None:
        put(where, make(value(claims, where)))(claims)

    return change


def _imitated(text: str) -> str:
    """The text with one letter replaced by its look-alike in another script."""
    found = next((c for c in text if c in LOOKALIKES), "")
    return text.replace(found, LOOKALIKES[found], 1) if found else text


def _anything() -> Iterator[Row]:
    """Changes that are possible for any claim."""
    for where in (*TEXTS, *FLAGS, *LISTS, *OBJECTS):
        yield _broken(f"{where} left out", where, drop(where))
        yield _broken(f"{where} null", where, put(where, None))
        yield _broken(f"{where} in a list", where, _becoming(where, lambda genuine: [genuine]))


def _texts() -> Iterator[Row]:
    for where, others in TEXTS.items():
        for other in others:
            yield _rejected(f"{where} {other[:40]}", put(where, other))
        yield _broken(f"{where} a number", where, put(where, 1))
        yield _broken(f"{where} true", where, put(where, value=True))
        for lie, make in {
            "with a trailing space": lambda genuine: genuine + " ",
            "with a leading space": lambda genuine: " " + genuine,
            "with a trailing line break": lambda genuine: genuine + "\n",
            "in the other case": lambda genuine: genuine.swapcase() + "X" * genuine.isdigit(),
            "in a look-alike letter": _imitated,
            "cut short": lambda genuine: genuine[:-1],
            "followed by another": lambda genuine: f"{genuine}' || true || '",
        }.items():
            yield _rejected(f"{where} {lie}", _becoming(where, make))
        yield _broken(f"{where} empty", where, put(where, ""), no_text=where == DIGEST)


def _flags() -> Iterator[Row]:
    for where in FLAGS:
        yield _rejected(f"{where} the other way", _becoming(where, lambda genuine: not genuine))
        yield _rejected(
            f"{where} as a text", _becoming(where, lambda genuine: str(genuine).lower())
        )
        yield _rejected(f"{where} as a number", _becoming(where, int))


def _lists() -> Iterator[Row]:
    for where, words in LISTS.items():
        yield _rejected(f"{words}: none", put(where, []))
        yield _rejected(f"{words}: as one text", _becoming(where, " ".join))
        yield _rejected(
            f"{words}: as keys of an object of numbers",
            _becoming(where, lambda genuine: {str(i): each for i, each in enumerate(genuine)}),
        )
        yield _rejected(
            f"{words}: each with a trailing space",
            _becoming(where, lambda genuine: [each + " " for each in genuine]),
        )
        yield _rejected(
            f"{words}: in look-alike letters",
            _becoming(where, lambda genuine: [_imitated(each) for each in genuine]),
        )


ROWS = (
    *_anything(),
    *_texts(),
    *_flags(),
    *_lists(),
    _rejected("out of support: USABLE only", put(f"{SPACE}.support_attributes", ["USABLE"])),
    _rejected(
        "a preview image: EXPERIMENTAL", put(f"{SPACE}.support_attributes", ["EXPERIMENTAL"])
    ),
    _rejected("support: UNSTABLE", put(f"{SPACE}.support_attributes", ["UNSTABLE", "USABLE"])),
    _rejected(
        "debugging enabled, all support attributes kept",
        put("dbgstat", "enabled"),
        put(f"{SPACE}.support_attributes", ["LATEST", "STABLE", "USABLE"]),
    ),
    _rejected("one argument more", put(f"{CONTAINER}.args", ["python", "-m", "workload", "-v"])),
    _rejected("one argument less", put(f"{CONTAINER}.args", ["python", "-m"])),
    _rejected(
        "the arguments in another order", put(f"{CONTAINER}.args", ["-m", "python", "workload"])
    ),
    _rejected("another program", put(f"{CONTAINER}.args", ["sh", "-c", "python -m workload"])),
    _rejected(
        "another model's MODEL_SHA256 and MODEL_URI",
        put(f"{ENV}.MODEL_SHA256", "0" * 64),
        put(f"{ENV}.MODEL_URI", f"gs://primus-models-model-bucket/models/{'0' * 64}/model.tar.gz"),
    ),
    _rejected(
        "an older admitted model's MODEL_URI under the newer one's MODEL_SHA256",
        put(f"{ENV}.MODEL_URI", f"gs://primus-models-model-bucket/models/{OLD_MODEL}/model.tar.gz"),
    ),
    _rejected("a replaced command", put(f"{CONTAINER}.cmd_override", ["-c", "import os"])),
    _rejected("a replaced command of one empty word", put(f"{CONTAINER}.cmd_override", [""])),
    _rejected(
        "a replaced command as null, as in tokens of 2023", put(f"{CONTAINER}.cmd_override", None)
    ),
    _rejected("a replaced command as a text", put(f"{CONTAINER}.cmd_override", "-c")),
    _rejected("a replaced command as false", put(f"{CONTAINER}.cmd_override", value=False)),
    *(
        _rejected(f"an overridden variable {name}", put(f"{CONTAINER}.env_override.{name}", "x"))
        for name in ("LD_PRELOAD", "PYTHONPATH", "HTTPS_PROXY", "SSL_CERT_FILE", "model_sha256", "")
    ),
    _rejected("overridden variables as null", put(f"{CONTAINER}.env_override", None)),
    _rejected("overridden variables as a list", put(f"{CONTAINER}.env_override", ["LD_PRELOAD=x"])),
    _rejected("overridden variables as a text", put(f"{CONTAINER}.env_override", "MODEL_URI")),
    *(
        _rejected(f"a GPU with confidential mode {mode}", put(GPU, {"cc_mode": mode}))
        for mode in ("ON", "OFF", "DEVTOOLS")
    ),
    _rejected("a GPU as null", put(GPU, None)),
    _rejected("a GPU as an empty object", put(GPU, {})),
    _rejected("a GPU as an empty list", put(GPU, [])),
    _rejected(
        "the same account twice", _becoming("google_service_accounts", lambda genuine: genuine * 2)
    ),
    _rejected(
        "an impersonated account beside the agreed one",
        _becoming("google_service_accounts", lambda genuine: [*genuine, OTHER_ACCOUNT]),
    ),
    _rejected(
        "the agreed account only impersonated",
        _becoming("google_service_accounts", lambda genuine: [OTHER_ACCOUNT, *genuine]),
    ),
    _rejected("another account", put("google_service_accounts", [OTHER_ACCOUNT])),
    _rejected(
        "the account's address in other case",
        _becoming("google_service_accounts", lambda genuine: [genuine[0].title()]),
    ),
    _unmapped("a digest of another algorithm", TOO_LONG, put(DIGEST, "sha512:" + "0" * 128)),
    _unmapped("an instance id too long", TOO_LONG, put(f"{GCE}.instance_id", "9" * 40)),
    # The engine cannot take such a text, so it is refused where the first expression is evaluated;
    # Google's own service would come to the condition.
    _unmapped("swname followed by NUL", NO_TEXT, _becoming("swname", lambda text: text + "\0")),
)
