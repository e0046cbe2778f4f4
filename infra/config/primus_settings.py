"""What stack `primus` configures, each key declared once: here, or in the modules of its classes.

`keys` reads these classes. Rules are in `validators`; checks that compare several keys are in
`contradictions`, `locations` and `releases`. `python -m infra.config.key_table` writes the
table in docs/configuration.md.
"""

# No `from __future__ import annotations`: `keys` reads the annotations at run time.
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Final

from infra import naming
from infra.attestation import policy_values
from infra.config import (
    company_settings,
    contradictions,
    existing_keys,
    keys,
    releases,
    validators,
)
from infra.config.company_settings import SUFFIX, Company, staged
from infra.config.keys import Key
from infra.config.operators import AdmittedImages, AdmittedOperator, NamedOperator
from infra.config.reader import Table
from infra.config.releases import Release
from infra.stack_name import StackName

DEFAULT_ARCHIVE: Final = "model/model.tar.gz"
"""Where the model without a name is, if the configuration says nothing."""


@dataclass(frozen=True, kw_only=True)
class PrimusNames:
    """The physical names of what Primus owns."""

    model_bucket: Annotated[
        str,
        Key(
            validators.BUCKET,
            "the model's bucket",
            default=lambda before: f"{before['project']}-model-bucket{before[SUFFIX]}",
        ),
    ]
    service_account: Annotated[
        str,
        Key(
            validators.ACCOUNT,
            "the account that reads the model",
            default=staged(naming.MODEL_READER),
        ),
    ]
    pool: Annotated[
        str,
        Key(
            validators.POOL,
            "the first part of the identity pool's id; a suffix follows it, because Google"
            " reserves the id of a deleted pool for 30 days. The whole id of a pool in `existing`"
            " or `adopt`",
            default=lambda before: naming.pool_prefix(staged(naming.POOL)(before)),
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
            default=lambda before: f"{before['project']}-artifact-repo{before[SUFFIX]}",
        ),
    ]


@dataclass(frozen=True, kw_only=True)
class Model:
    """Where the model is on this machine, and which other models stay admitted."""

    archive: Annotated[Path, Key(validators.PATH, "the model", default=DEFAULT_ARCHIVE)]
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
class NamedModel:
    """One of several models."""

    archive: Annotated[Path, Key(validators.PATH, "the archive of this model")]
    manifest: Annotated[Path, Key(validators.PATH, "the file that describes this archive")]
    admit_also: Annotated[
        Mapping[str, Path],
        Key(
            validators.PATH,
            "other versions of this model during a rollout, as `model.admitAlso`",
            names=validators.HASH,
        ),
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
    existing: Annotated[
        tuple[str, ...],
        Key(existing_keys.PRIMUS, existing_keys.about_existing(existing_keys.PRIMUS)),
    ]
    adopt: Annotated[tuple[str, ...], Key(existing_keys.PRIMUS, existing_keys.ABOUT_ADOPT)]
    names: PrimusNames
    stopped: Annotated[
        bool,
        Key(
            validators.STOPPED,
            "no operator gets a model any more, whatever its own `stopped` says."
            " `docs/operations.md`",
            default="false",
        ),
    ]
    operator: AdmittedOperator | None
    """the operator without a name; None if there are only named ones"""
    operators: Annotated[
        Mapping[str, NamedOperator],
        Key(
            validators.OPERATORS,
            "**more operators**, each under a name of your own, with the keys of `operator`, and"
            " with a pool, a condition and a model reader of its own; then `operator` may be"
            " absent. `docs/operators.md`",
            names=validators.FREE_NAME,
        ),
    ]
    model: Model | None
    """the model without a name; None if there are only named ones"""
    models: Annotated[
        Mapping[str, NamedModel],
        Key(
            validators.MODELS,
            "more models, each under a name of your own; then `model` may be absent",
            names=validators.FREE_NAME,
        ),
    ]
    image: AdmittedImages
    hardware: Annotated[
        tuple[str, ...],
        Key(
            validators.HARDWARE,
            "a list of the admitted `hwmodel` claims",
            default=policy_values.HARDWARE,
        ),
    ]

    @property
    def all_models(self) -> dict[str, Model | NamedModel]:
        """The models by name."""
        unnamed = {} if self.model is None else {releases.UNNAMED_MODEL: self.model}
        return {**unnamed, **self.models}

    @property
    def releases(self) -> tuple[Release, ...]:
        """What each operator is admitted with."""
        return releases.of(
            operator=self.operator,
            operators=self.operators,
            unnamed_model=self.model is not None,
            image=self.image,
            hardware=self.hardware,
            stopped=self.stopped,
            identity=releases.Identity(
                self.names.pool, self.names.service_account, self.existing, self.adopt
            ),
        )


MAIN: Final = StackName("primus")


def parse(values: Mapping[str, object], stack: StackName = MAIN) -> PrimusSettings:
    """The settings of a stack of Primus; SettingsError with every problem there is."""
    table = Table(values, stack.full)
    unnamed = [key for key in ("operator", "model") if f"{key}s" in values and key not in values]
    settings = keys.read(PrimusSettings, table, {SUFFIX: stack.suffix}, absent=unnamed)
    company_settings.check(table, settings, settings.region)
    existing_keys.check(table, settings.existing, settings.adopt, settings.protect)
    if settings.operator is None:
        existing_keys.check_operator(table, settings.existing, settings.adopt)
    for release in settings.releases:
        own = table.table("operators").table(release.name) if release.name else table
        existing_keys.check_pool(own, release.pool, release.existing, release.adopt)
        if release.name:
            existing_keys.check(own, release.existing, release.adopt)
    contradictions.no_hardware(table, settings.hardware)
    unnamed_model = () if settings.model is None else (releases.UNNAMED_MODEL,)
    releases.check_models(table, unnamed_model, tuple(settings.models))
    versions = {name: 1 + len(each.admit_also) for name, each in settings.all_models.items()}
    releases.check(table, settings.releases, settings, versions)
    table.finish()
    return settings
