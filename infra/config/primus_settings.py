"""What stack `primus` configures: each key is declared once, here or in `company_settings`.

`keys` reads these classes. Rules are in `validators`; checks that compare several keys are in
`contradictions` and `locations`. `python -m infra.config.key_table` writes the README's table.
"""

# No `from __future__ import annotations`: `keys` reads the annotations at run time.
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from infra import naming
from infra.attestation import policy_values
from infra.config import company_settings, contradictions, keys, validators
from infra.config.company_settings import Company, Operator
from infra.config.keys import Key
from infra.config.reader import Table


@dataclass(frozen=True, kw_only=True)
class PrimusNames:
    """The physical names of what Primus owns."""

    model_bucket: Annotated[
        str,
        Key(
            validators.BUCKET,
            "the model's bucket",
            default=lambda before: f"{before['project']}-model-bucket",
        ),
    ]
    service_account: Annotated[
        str, Key(validators.ACCOUNT, "the account that reads the model", default="primus-sa")
    ]
    pool: Annotated[
        str,
        Key(
            validators.POOL,
            "the first part of the identity pool's id; a suffix follows it, because Google"
            " reserves the id of a deleted pool for 30 days",
            default=naming.POOL,
        ),
    ]
    provider: Annotated[
        str, Key(validators.PROVIDER, "the pool's one provider", default=naming.PROVIDER)
    ]
    repository: Annotated[
        str,
        Key(
            validators.REPOSITORY,
            "the repository of the workload's image",
            default=lambda before: f"{before['project']}-artifact-repo",
        ),
    ]


@dataclass(frozen=True, kw_only=True)
class Model:
    """Where the model is on this machine, and which other models stay admitted."""

    archive: Annotated[Path, Key(validators.PATH, "the model", default="model/model.tar.gz")]
    manifest: Annotated[
        Path,
        Key(
            validators.PATH,
            "the file with the archive's size, SHA-256 and format. The format also chooses the"
            " engine of the built image: `model/model-litert.tar.gz` with"
            " `model/manifest-litert.json` gives LiteRT, and an image of about a tenth of the size."
            " An image that `image.digest` names must hold the engine",
            default="model/manifest.json",
        ),
    ]
    admit_also: Annotated[
        Mapping[str, Path],
        Key(
            validators.PATH,
            "other models during a rollout: SHA-256 and path of the archive. The bucket holds it as"
            " long as it is admitted, or nobody could load it",
            names=validators.HASH,
        ),
    ]


@dataclass(frozen=True, kw_only=True)
class AdmittedImages:
    """The admitted image (built by the stack if no digest is given), and others beside it."""

    digest: Annotated[
        str | None, Key(validators.DIGEST, "the admitted image", unset="built by the stack")
    ]
    admit_also: Annotated[
        tuple[str, ...], Key(validators.DIGEST, "a list of other digests during a rollout")
    ]


@dataclass(frozen=True, kw_only=True)
class PrimusSettings(Company):
    """Everything that stack `primus` configures."""

    region: Annotated[
        str,
        Key(
            validators.LOCATION,
            "where everything is; also `us`, `europe` or `asia`. While something is deployed, a"
            " change is refused without `acceptLoss`: Google moves nothing, so a new region means"
            " to destroy and to create",
            default="us-west1",
        ),
    ]
    accept_loss: Annotated[
        str | None,
        Key(
            validators.LOCATION,
            "the new region once more, to agree that a move deletes the images in the repository",
        ),
    ]
    protect: Annotated[
        tuple[str, ...],
        Key(
            validators.PROTECT_PRIMUS,
            "a list of `modelBucket` and `pool`: Pulumi refuses to delete or replace them, and"
            " names the command that unprotects. Remove the key and `up` before `destroy`; never"
            " `destroy --skip-preview`, which deletes other resources before it is refused",
        ),
    ]
    names: PrimusNames
    operator: Operator
    model: Model
    image: AdmittedImages
    hardware: Annotated[
        tuple[str, ...],
        Key(
            validators.HARDWARE,
            "a list of the admitted `hwmodel` claims",
            default=policy_values.HARDWARE,
        ),
    ]


def parse(values: Mapping[str, object]) -> PrimusSettings:
    """The settings of Primus; SettingsError with every problem there is."""
    table = Table(values, stack="primus")
    settings = keys.read(PrimusSettings, table, {})
    company_settings.check(table, settings, settings.region)
    contradictions.no_hardware(table, settings.hardware)
    operator = table.table("operator")
    contradictions.two_numbers(
        operator,
        (settings.operator.project, settings.operator.project_number),
        (settings.project, settings.project_number),
    )
    contradictions.reader_as_operator(
        operator,
        settings.operator.service_account,
        settings.names.service_account,
        settings.project,
    )
    table.finish()
    return settings
