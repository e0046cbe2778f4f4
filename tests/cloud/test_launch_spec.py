"""The operator's metadata is parsed as the launcher parses it."""

from __future__ import annotations

import re

import pytest

from rehearsal.cloud.confidential_space.launch_spec import (
    LaunchSpec,
    Monitoring,
    SpecError,
    check_names,
    parse,
)

MOUNT = "type=tmpfs,source=tmpfs,destination=/a"
MALFORMED = (
    "malformed env name [{}], env name must start with an alpha character or '_', followed by "
    "a string of alphanumeric characters or '_' (^[a-zA-Z_][a-zA-Z0-9_]*$)"
)
REFERENCE = {"tee-image-reference": "us-west1-docker.pkg.dev/p/r/i:v1"}


def read(**metadata: str) -> LaunchSpec:
    """The spec of an image reference and these keys, underscores read as dashes."""
    keys = {key.replace("_", "-"): value for key, value in metadata.items()}
    return parse({**REFERENCE, **keys}, hardened=True)


def test_only_the_image_reference_is_required() -> None:
    """Every other key has a default that allows nothing."""
    assert parse(REFERENCE, hardened=True) == LaunchSpec(
        image_reference=REFERENCE["tee-image-reference"],
        hardened=True,
        restart_policy="Never",
        command=(),
        env={},
        log_redirect="false",
        monitoring=Monitoring.NONE,
        mounts=(),
        capabilities=(),
        cgroup_namespace=False,
        impersonated=(),
    )


def test_every_key_is_read() -> None:
    """Each key in the form that the documentation gives; unknown keys are ignored."""
    spec = parse(
        {
            **REFERENCE,
            "tee-restart-policy": "OnFailure",
            "tee-cmd": '["--x", "y"]',
            "tee-env-A": "1",
            "tee-env-B": "b c",
            "tee-container-log-redirect": "serial",
            "tee-impersonate-service-accounts": "a@p.iam,b@p.iam",
            "tee-monitoring-enable": "All",
            "tee-mount": "type=tmpfs,source=tmpfs,destination=/a,size=10;"
            "type=tmpfs,source=tmpfs,destination=b",
            "tee-added-capabilities": '["CAP_SYS_ADMIN"]',
            "tee-cgroup-ns": "1",
            "serial-port-logging-enable": "true",
        },
        hardened=False,
    )
    assert spec.restart_policy == "OnFailure"
    assert spec.command == ("--x", "y")
    assert spec.env == {"A": "1", "B": "b c"}
    assert spec.log_redirect == "serial"
    assert spec.impersonated == ("a@p.iam", "b@p.iam")
    assert spec.monitoring is Monitoring.ALL
    assert spec.mounts == ("/a", "/b")
    assert spec.capabilities == ("CAP_SYS_ADMIN",)
    assert spec.cgroup_namespace
    assert not spec.hardened


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("tee_restart_policy", "never", "invalid restart policy: never"),
        ("tee_cmd", "--x", "invalid character '-' looking for beginning of value"),
        ("tee_cmd", "[", "unexpected end of JSON input"),
        ("tee_cmd", '"x"', "json: cannot unmarshal string into Go value of type []string"),
        ("tee_cmd", '["a", 1]', "json: cannot unmarshal number into Go value of type string"),
        (
            "tee_container_log_redirect",
            "yes",
            (
                "invalid logging redirect location yes, "
                "expect one of [true cloud_logging serial false]"
            ),
        ),
        (
            "tee_monitoring_memory_enable",
            "yes",
            (
                "invalid value for tee-monitoring-memory-enable (not a boolean): "
                'strconv.ParseBool: parsing "yes": invalid syntax'
            ),
        ),
        ("tee_monitoring_enable", "some", "invalid monitoring type some"),
        (
            "tee_mount",
            "type=bind,source=tmpfs,destination=/a",
            (
                "found unknown or unspecified mount type: [type=bind source=tmpfs destination=/a], "
                "expect one of types [tmpfs]"
            ),
        ),
        (
            "tee_mount",
            "type=tmpfs,mode=1",
            "found unknown mount option: mode=1, expect keys of [type source destination size]",
        ),
        ("tee_mount", "type=tmpfs,source=a", "received wrong mount source a, expected tmpfs"),
        (
            "tee_mount",
            "type=tmpfs,source=tmpfs",
            'mount type "tmpfs" must have destination specified',
        ),
        *(
            (
                "tee_mount",
                text,
                "failed to parse mount option: malformed env var, doesn't contain '=': []",
            )
            for text in (";", f"{MOUNT};", f";{MOUNT}", f"{MOUNT};;{MOUNT}", f"{MOUNT},")
        ),
        (
            "tee_mount",
            "type=tmpfs,source",
            "failed to parse mount option: malformed env var, doesn't contain '=': [source]",
        ),
        ("tee_mount", f"{MOUNT},a-b=1", f"failed to parse mount option: {MALFORMED.format('a-b')}"),
        *(
            (
                "tee_mount",
                f"{MOUNT},size={size}",
                (
                    f'failed to convert size option "{size}" to uint64: '
                    f'strconv.ParseUint: parsing "{size}": {why}'
                ),
            )
            for size, why in (
                ("8G", "invalid syntax"),
                ("", "invalid syntax"),
                ("-1", "invalid syntax"),
                ("1_000", "invalid syntax"),
                ("٣", "invalid syntax"),
                ("18446744073709551616", "value out of range"),
                ("9" * 5000, "value out of range"),
            )
        ),
        *(
            (
                "tee_dev_shm_size_kb",
                size,
                f"failed to convert tee-dev-shm-size-kb into uint64, got: {size}",
            )
            for size in ("8G", "-1", " 1", "1.5", "18446744073709551616")
        ),
        (
            "tee_cgroup_ns",
            "",
            (
                "invalid value for tee-cgroup-ns (not a boolean): "
                'strconv.ParseBool: parsing "": invalid syntax'
            ),
        ),
        ("tee_cmd", "[" * 100_000, "exceeded max depth"),
        ("tee_install_gpu_driver", "true", "GPU Driver installation is not supported"),
        ("ita_region", "US", "ita-region: not modelled by the local launcher; remove it"),
    ],
)
def test_an_invalid_value_is_an_error_in_the_launchers_words(
    key: str, value: str, message: str
) -> None:
    """As on the serial console of the real machine."""
    with pytest.raises(SpecError, match=f"^{re.escape(message)}$"):
        read(**{key: value})


@pytest.mark.parametrize(
    ("key", "value", "field", "read_as"),
    [
        ("tee_cmd", "null", "command", ()),
        ("tee_cmd", '["a", null]', "command", ("a", "")),
        ("tee_added_capabilities", "null", "capabilities", ()),
        ("tee_mount", f"{MOUNT},size=0", "mounts", ("/a",)),
        ("tee_mount", f"{MOUNT},size=" + "0" * 5000 + "7", "mounts", ("/a",)),
        ("tee_mount", "", "mounts", ()),
        ("tee_dev_shm_size_kb", "8192", "hardened", True),
        ("tee_dev_shm_size_kb", "", "hardened", True),
        ("tee_monitoring_memory_enable", "", "monitoring", Monitoring.NONE),
        ("tee_monitoring_enable", "", "monitoring", Monitoring.NONE),
        ("tee_cgroup_ns", "f", "cgroup_namespace", False),
        ("tee_impersonate_service_accounts", "a@p.iam,", "impersonated", ("a@p.iam", "")),
    ],
)
def test_an_unusual_value_is_accepted_as_the_launcher_accepts_it(
    key: str, value: str, field: str, read_as: object
) -> None:
    """Go's libraries parse it without an error."""
    assert getattr(read(**{key: value}), field) == read_as


def test_a_missing_image_reference_is_an_error() -> None:
    """It is the one required key."""
    expected = "tee-image-reference is not specified in the custom metadata"
    with pytest.raises(SpecError, match=expected):
        parse({"tee-env-A": "1"}, hardened=True)


def test_both_monitoring_keys_together_are_an_error() -> None:
    """The old and the new one."""
    with pytest.raises(SpecError, match="only one is permitted"):
        read(tee_monitoring_memory_enable="true", tee_monitoring_enable="none")


def test_the_old_monitoring_key_means_memory_only() -> None:
    """It is the only level that the token shows."""
    assert read(tee_monitoring_memory_enable="T").monitoring is Monitoring.MEMORY_ONLY


def test_a_variable_without_a_valid_name_is_an_error() -> None:
    """As the launcher, only after the pull."""
    spec = parse({**REFERENCE, "tee-env-A-B": "1"}, hardened=True)
    message = f"failed to format env var: {MALFORMED.format('A-B')}"
    with pytest.raises(SpecError, match=f"^{re.escape(message)}$"):
        check_names(spec)
