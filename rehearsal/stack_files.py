"""The stack files of a copy of the program: whose companies they name, and their secrets provider.

A company that uses this program has its own projects in them, and often the secrets provider of its
real stack, whose key is not here.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

import yaml

from infra.config.problems import NAMESPACE
from rehearsal.companies import COMPANIES, Company

if TYPE_CHECKING:
    from pathlib import Path

SALT: Final = "encryptionsalt"
OF_THE_REAL_STACK: Final = (SALT, "secretsprovider", "encryptedkey")
"""What `pulumi stack init` writes into a stack file, for the secrets provider of that stack."""

APPROVED: Final = "approvedDigests"
HANDOVER: Final = "handover"


class StackFileError(Exception):
    """A stack file that the local cloud cannot deploy; the message says why."""


def detach(program: Path) -> None:
    """Forget what belongs to the real stacks alone, in a scratch copy of the program.

    That is their secrets providers, and the author's handover file: the local cloud deploys the
    author beside the operator, with an image and a pool of its own.
    """
    for name in COMPANIES:
        parsed = _read(program, name)
        if secret := _secret_key(parsed.get("config")):
            raise StackFileError(
                f"Pulumi.{name}.yaml: got a secret value for {secret!r}, expected plain values,"
                " because no key of this program is secret, and nothing here can decrypt it. Set"
                f" it in plain text: pulumi config set --stack {name} --plaintext {secret} VALUE"
            )
        kept = {key: value for key, value in parsed.items() if key not in OF_THE_REAL_STACK}
        if setting(kept, HANDOVER) is not None:
            kept["config"].pop(f"{NAMESPACE}:{HANDOVER}")
        _write(program, name, kept)


def take_salts(program: Path, other: Path) -> None:
    """Give a second copy of the program the secrets providers of the first one's stacks."""
    for name in COMPANIES:
        salt = _read(program, name).get(SALT)
        _write(other, name, {**_read(other, name), SALT: salt})


def companies(program: Path) -> dict[str, Company]:
    """The companies with the projects of these files, and a deployer who may start the machine."""
    return {name: _company(company, _read(program, name)) for name, company in COMPANIES.items()}


def local_files(program: Path) -> list[str]:
    """The files and folders that the configuration names: git may ignore a model or pictures."""
    primus, secundus = (_read(program, name) for name in ("primus", "secundus"))
    several = setting(primus, "models")
    models = [setting(primus, "model"), *(several.values() if isinstance(several, dict) else ())]
    named = [setting(secundus, "pictures")]
    for model in (each for each in models if isinstance(each, dict)):
        also = model.get("admitAlso")
        named += [model.get("archive"), model.get("manifest")]
        named += also.values() if isinstance(also, dict) else ()
    return [name for name in named if isinstance(name, str)]


def approve(program: Path, built: list[str]) -> bool:
    """Add the images that stack primus built to Secundus' approved ones; False if none is missing.

    An image that `image.digest` names has the same digest everywhere, so it needs no help.
    """
    image = setting(_read(program, "primus"), "image")
    secundus = _read(program, "secundus")
    approved = setting(secundus, APPROVED)
    if not isinstance(approved, list) or (isinstance(image, dict) and "digest" in image):
        return False
    missing = [digest for digest in built if digest not in approved]
    secundus["config"][f"{NAMESPACE}:{APPROVED}"] = [*approved, *missing]
    _write(program, "secundus", secundus)
    return bool(missing)


def _company(company: Company, parsed: dict[str, Any]) -> Company:
    project = setting(parsed, "project")
    number = setting(parsed, "projectNumber")
    operators = setting(parsed, "operators")
    people = [
        member
        for member in (operators if isinstance(operators, list) else [])
        if str(member).startswith(("user:", "serviceAccount:"))
    ]
    return replace(
        company,
        project=str(project or company.project),
        project_number=str(number or company.project_number),
        deployer=str(people[0]) if people else company.deployer,
    )


def setting(parsed: dict[str, Any], key: str) -> Any:  # noqa: ANN401  any YAML value
    """The value of a key of this program in a stack file; None if it has none."""
    config = parsed.get("config")
    return config.get(f"{NAMESPACE}:{key}") if isinstance(config, dict) else None


def _secret_key(config: object) -> str:
    """The first key with a secret value; "" if there is none."""
    for key, value in config.items() if isinstance(config, dict) else ():
        if isinstance(value, dict) and ("secure" in value or _secret_key(value)):
            return str(key)
    return ""


def _read(program: Path, name: str) -> dict[str, Any]:
    path = program / f"Pulumi.{name}.yaml"
    try:
        parsed = yaml.safe_load(path.read_text())
    except (OSError, yaml.YAMLError) as error:
        raise StackFileError(f"{path.name} cannot be read: {error}") from error
    if not isinstance(parsed, dict):
        raise StackFileError(f"{path.name}: got no mapping, expected the file of a Pulumi stack")
    return parsed


def _write(program: Path, name: str, parsed: dict[str, Any]) -> None:
    (program / f"Pulumi.{name}.yaml").write_text(yaml.safe_dump(parsed, sort_keys=False))
