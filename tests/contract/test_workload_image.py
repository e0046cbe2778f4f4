"""The workload's image, as its Dockerfile describes it, and those who rely on that."""

from __future__ import annotations

import ast
import json
import re
import shlex
from pathlib import Path
from typing import get_args

import pytest

from infra import launch
from infra.components import work_queue, workload_image
from infra.config import model_archive
from workload import manifest, settings
from workload.fleet import assignments, leases

WORKLOAD = Path(settings.__file__).parent
POLICY = "tee.launch_policy."


def instructions(text: str) -> list[tuple[str, str]]:
    """The instructions of a Dockerfile: name and rest, comments gone, lines joined."""
    without = re.sub(r"(?m)^#.*\n", "", text).replace("\\\n", " ")
    lines = [line for line in without.splitlines() if line.strip()]
    return [(line.split()[0], line.partition(" ")[2].strip()) for line in lines]


DOCKERFILE = instructions((WORKLOAD / "Dockerfile").read_text())
FINAL = DOCKERFILE[max(i for i, (name, _) in enumerate(DOCKERFILE) if name == "FROM") :]


def rest(name: str) -> str:
    """What the one instruction of this name in the final stage says."""
    (text,) = [text for each, text in FINAL if each == name]
    return text


def pairs(name: str) -> dict[str, str]:
    """The NAME=VALUE pairs of an ENV or LABEL."""
    return dict(pair.split("=", 1) for pair in shlex.split(rest(name)))


def test_the_label_lists_exactly_the_settings() -> None:
    """What the launcher lets an operator set is what the workload reads, name by name in order.

    The launcher compares without trimming: a blank after a comma would be part of a name.
    """
    assert pairs("LABEL")[POLICY + "allow_env_override"] == ",".join(settings.OVERRIDABLE)


def test_the_launch_sets_exactly_the_settings() -> None:
    """Secundus' stack passes the names that the workload reads, in the same order."""
    assert launch.ENVIRONMENT == settings.OVERRIDABLE


def test_the_operator_can_set_no_other_variable() -> None:
    """No operator may set the token's file, the wait for grants, or the name of the machine."""
    source = (WORKLOAD / "settings.py").read_text()
    read = {
        node.args[0].value
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "environment.get"
        if isinstance(node.args[0], ast.Constant)
    }
    assert read - set(settings.OVERRIDABLE) == {
        "ATTESTATION_TOKEN_FILE",
        "GRANT_SECONDS",
        "HOSTNAME",
    }


def test_the_entry_point_equals_the_one_in_the_condition() -> None:
    """Exec form, without a shell, and word for word the `args` of the release condition."""
    assert json.loads(rest("ENTRYPOINT")) == list(launch.ENTRY_POINT)
    assert "CMD" not in [name for name, _ in DOCKERFILE]


@pytest.mark.parametrize(
    ("label", "value"),
    [
        ("allow_cmd_override", "false"),
        ("log_redirect", "never"),
        ("hardened_monitoring", "none"),
        ("debug_monitoring", "none"),
    ],
)
def test_the_operator_can_neither_change_nor_watch_the_workload(label: str, value: str) -> None:
    """No other command, no log and no memory figures for the operator, not even for debugging."""
    assert pairs("LABEL")[POLICY + label] == value


def test_no_other_label_of_the_launch_policy_is_set() -> None:
    """Mounts, capabilities and cgroups have the launcher's default: none."""
    assert {label.removeprefix(POLICY) for label in pairs("LABEL")} == {
        "allow_env_override",
        "allow_cmd_override",
        "log_redirect",
        "hardened_monitoring",
        "debug_monitoring",
    }


def test_every_base_image_is_named_by_digest() -> None:
    """Both stages begin from one image whose content can't change."""
    (argument,) = [text for name, text in DOCKERFILE[:1] if name == "ARG"]
    assert re.fullmatch(r"PYTHON_IMAGE=python:3\.13-slim@sha256:[0-9a-f]{64}", argument)
    bases = [text.split()[0] for name, text in DOCKERFILE if name == "FROM"]
    assert bases == ["${PYTHON_IMAGE}"] * 2


def test_the_user_is_a_number_and_not_root() -> None:
    """A name would have to be looked up in a file of the base image."""
    user, group = rest("USER").split(":")
    assert (int(user), int(group)) == (65532, 65532)


def test_the_final_stage_adds_one_layer() -> None:
    """Everything that could differ between two builds stays in the first stage."""
    layers = [text for name, text in FINAL if name in ("COPY", "ADD", "RUN", "WORKDIR")]
    assert layers == ["--from=build /layout/ /"]


def test_code_is_imported_from_the_image_only() -> None:
    """Packages and code come from the paths they are copied to, never from the current folder."""
    environment = pairs("ENV")
    assert environment["PYTHONPATH"] == "/opt/workload/site-packages:/opt/workload/app"
    assert environment["PYTHONSAFEPATH"] == "1"
    assert ("COPY", ". /layout/opt/workload/app/workload/") in DOCKERFILE


def test_the_client_library_sends_no_request_of_its_own() -> None:
    """The model's reader may read objects: metadata of the bucket would be refused and audited."""
    assert pairs("ENV")["DISABLE_GCS_PYTHON_CLIENT_OTEL_BUCKET_METADATA"] == "true"


@pytest.mark.parametrize("lock", workload_image.LOCKS.values())
def test_nothing_is_installed_without_a_hash(lock: str) -> None:
    """Pip takes wheels of the lock only, and every line of the lock has its hash."""
    (install,) = [text for name, text in DOCKERFILE if name == "RUN" and "pip install" in text]
    assert {"--require-hashes", "--no-deps", "--only-binary=:all:"} <= set(install.split())
    text = (WORKLOAD / lock).read_text().replace("\\\n", " ")
    locked = [line for line in text.splitlines() if re.match(r"[a-z0-9]", line)]
    assert locked
    assert [line for line in locked if "==" not in line or "--hash=sha256:" not in line] == []


def test_the_context_holds_code_and_lock_only() -> None:
    """A stray file beside the code changes no digest and gets into no image."""
    assert (WORKLOAD / ".dockerignore").read_text().split() == [
        "*",
        "!**/*.py",
        "!requirements.txt",
        "!requirements-litert.txt",
    ]


def test_every_format_has_an_image_with_its_engine() -> None:
    """Whoever builds, Primus' stack and the workload mean the same formats and locks."""
    assert model_archive.FORMATS == tuple(workload_image.LOCKS) == get_args(manifest.Format)
    assert ("ARG", f"LOCK={workload_image.LOCKS[model_archive.FORMATS[0]]}") in DOCKERFILE
    assert ("COPY", "${LOCK} /build/requirements.txt") in DOCKERFILE


@pytest.mark.parametrize(
    ("form", "holds", "lacks"),
    [
        ("tensorflow-saved-model", "tensorflow-cpu", "ai-edge-litert"),
        ("litert", "ai-edge-litert", "tensorflow"),
    ],
)
def test_an_image_holds_one_engine(form: str, holds: str, lacks: str) -> None:
    """The other one would be code that nobody needs, beside both secrets."""
    locked = packages(form)
    assert holds in locked
    assert [name for name in locked if name.startswith(lacks)] == []


def test_images_differ_in_the_engine_only() -> None:
    """What both need is of the same version in both."""
    litert, tensorflow = packages("litert"), packages("tensorflow-saved-model")
    both = litert.keys() & tensorflow.keys()
    assert {name: litert[name] for name in both} == {name: tensorflow[name] for name in both}
    assert "google-cloud-storage" in both


def packages(form: str) -> dict[str, str]:
    """The versions that the lock for a format pins, by name."""
    text = (WORKLOAD / workload_image.LOCKS[form]).read_text()
    return dict(re.findall(r"(?m)^([a-z0-9-]+)==(\S+)", text))


def test_a_worker_knows_the_deliveries_and_the_deadline_of_its_subscription() -> None:
    """After the last delivery it writes what it has, and it extends a lease before its end."""
    assert work_queue.DELIVERIES == assignments.LAST_ATTEMPT
    assert work_queue.LEASE_SECONDS == leases.LEASE_SECONDS
