"""What the launcher says when it gives up: whose mistake that is, and the shortest cure.

Read in its source: https://github.com/google/go-tpm-tools/tree/main/launcher (start_launcher.go,
container_runner.go, spec/), and in what it said on Google's own machines.
"""

from __future__ import annotations

import re
from typing import Final

from infra.attestation.clause import Party
from ops.commands import AGAIN, PRIMUS, SECUNDUS
from ops.failure_causes import REBUILD, By, Cause


def _operator(cure: str) -> Cause:
    return Cause(By.LAUNCHER, Party.OPERATOR, f"{cure}: {SECUNDUS}")


def _machine(cure: str) -> Cause:
    """What the program would have written differently, had nobody changed it by hand."""
    return Cause(By.LAUNCHER, Party.OPERATOR, f"{cure}: {SECUNDUS} --refresh")


def _metadata(*keys: str) -> Cause:
    return _operator(f"remove {' and '.join(keys)} from the metadata")


_AUTHOR: Final = Cause(By.LAUNCHER, Party.AUTHOR, REBUILD)
_PLATFORM: Final = Cause(By.LAUNCHER, Party.PLATFORM, f"run it again: {AGAIN}")
_ACCOUNT: Final = _machine("give the machine its service account")
_NO_WAY: Final = ".*(i/o timeout|no route|connection refused|no such host|unreachable|deadline)"
_WAY: Final = _operator("give the subnetwork Private Google Access, as this program does")
_REFUSED: Final = ".*(DENIED|Permission|403|[Ff]orbidden|[Uu]nauthorized|disabled)"
_MAY_ATTEST: Final = Cause(
    By.LAUNCHER,
    Party.OPERATOR,
    "switch the API confidentialcomputing.googleapis.com on and grant the machine's account"
    f" roles/confidentialcomputing.workloadUser: {SECUNDUS}; minutes later: {AGAIN}",
)

_PULL: Final = "cannot pull the image: "
_CLIENT: Final = "failed to create REST verifier client: "
_NOT_ATTESTED: Final = "failed to fetch and write OIDC token: .*"

LAUNCHER: Final[tuple[tuple[str, Cause], ...]] = (
    ("failed to get launchspec", _operator("let this program write the metadata")),
    ("failed to verify (disk integrity|filesystem and mounts|mounts)", _PLATFORM),
    (
        "failed to open TPM device",
        _machine("deploy the machine by this program, which gives it a vTPM"),
    ),
    ("failed to (initialize TPM|find AKCert)", _PLATFORM),
    ("failed to initialize authenticated Google HTTP client", _ACCOUNT),
    (
        "failed to initialize cloud logging",
        _machine("switch the API logging.googleapis.com on and grant roles/logging.logWriter"),
    ),
    (
        "(?i:failed to install gpu drivers)",
        _machine("take a machine without a GPU, as this program does"),
    ),
    (r"cannot pull the image \(no token", _ACCOUNT),
    (_PULL + _NO_WAY, _WAY),
    (
        _PULL + _REFUSED,
        Cause(
            By.LAUNCHER,
            Party.AUTHOR,
            f"grant the operator's project the repository: {PRIMUS}; minutes later: {AGAIN}",
        ),
    ),
    (
        _PULL + ".*(MANIFEST_UNKNOWN|manifest unknown|NAME_UNKNOWN|not found)",
        Cause(
            By.LAUNCHER,
            Party.AUTHOR,
            "put the image back into the repository, or admit one that is there (image.digest):"
            f" {PRIMUS}; then {SECUNDUS}",
        ),
    ),
    (_PULL, _operator("launch the image that Primus published")),
    ("unknown image config media type", _AUTHOR),
    (
        _CLIENT + ".*insufficient authentication scopes",
        _machine("give the machine the scope cloud-platform, as this program does"),
    ),
    (_CLIENT + _REFUSED, _MAY_ATTEST),
    (
        _CLIENT + ".*available regions",
        Cause(
            By.LAUNCHER,
            Party.OPERATOR,
            f"take a zone in a region that it lists: pulumi config set zone ZONE --stack secundus"
            f" && {SECUNDUS}",
        ),
    ),
    (_CLIENT + ".*(default credentials|OAuth2 token)", _ACCOUNT),
    (_CLIENT + _NO_WAY, _WAY),
    (_CLIENT, _PLATFORM),
    ("failed to create ITA (verifier )?client", _metadata("ita-region", "ita-api-key")),
    (
        "failed to parse image Launch Policy|invalid image LABEL",
        _AUTHOR,
    ),
    (
        # The value, which anybody may choose, stands before; the list is the image's label.
        r"env var .* is not allowed to be overridden on this image; allowed envs .*: \[\]$",
        Cause(
            By.LAUNCHER,
            Party.AUTHOR,
            "the image lets an operator set nothing, and this program sets what README.md lists:"
            " have its author give it the label tee.launch_policy.allow_env_override, build it and"
            f" admit it: {PRIMUS}",
        ),
    ),
    (
        "(.*: )?(env var .* is not allowed to be overridden|malformed env (name|value|var))",
        _metadata("every tee-env-* but those in README.md"),
    ),
    ("CMD is not allowed to be overridden", _metadata("tee-cmd")),
    ("(unknown )?logging redirect", _metadata("tee-container-log-redirect")),
    (
        "error verifying monitoring config|Failed to enable full monitoring|.*problem-detector",
        _metadata("tee-monitoring-enable", "tee-monitoring-memory-enable"),
    ),
    ("destination mount points are not allowed", _metadata("tee-mount")),
    ("additional capabilities are not allowed", _metadata("tee-added-capabilities")),
    ("cgroups usage is not allowed", _metadata("tee-cgroup-ns")),
    (
        "cannot get hostname|failed to ((initialize|load) CNI|setup network|get container IP)",
        _PLATFORM,
    ),
    (
        "failed to create a container: .*no space left",
        Cause(By.LAUNCHER, Party.AUTHOR, f"make the image smaller; {REBUILD}"),
    ),
    (
        "failed to create a container: ",
        Cause(
            By.LAUNCHER,
            None,
            f"run it again: {AGAIN}; if it says so again, {REBUILD}",
        ),
    ),
    ("length of Args", _AUTHOR),
    ("failed to measure", _PLATFORM),
    (
        _NOT_ATTESTED + "UNSUPPORTED_CC_TECHNOLOGY",
        Cause(
            By.LAUNCHER,
            Party.OPERATOR,
            f"pulumi config set confidentialType SEV --stack secundus && {SECUNDUS}",
        ),
    ),
    (
        _NOT_ATTESTED + "failed to get impersonated token",
        _metadata("tee-impersonate-service-accounts"),
    ),
    (_NOT_ATTESTED + "(Error 403|Permission)", _MAY_ATTEST),
    (_NOT_ATTESTED, _PLATFORM),
    ("failed to (create|verify) (the )?(TEE|KeyManager)", _PLATFORM),
    (
        "(.*: )?(failed to (parse|open|forward) port |received (invalid port|unknown protocol))",
        Cause(By.LAUNCHER, Party.AUTHOR, f"take EXPOSE out of the Dockerfile; {REBUILD}"),
    ),
    ("failed to create (shim )?task|.*OCI runtime (create|start) failed", _AUTHOR),
    ("Panic: ", _PLATFORM),
)
"""How the launcher's messages begin, the first that fits first."""

_UNKNOWN_LINE: Final = Cause(
    By.LAUNCHER, None, "this program does not know the sentence; look at the lines around it"
)
_WRAPPED: Final = re.compile("(failed with retryable error: )+")
"""What stands before an ending after which the machine may be started again."""
_LONGEST: Final = 100_000
"""Cloud Logging keeps less of one entry."""


def known_of_launcher(message: str) -> bool:
    """Whether the launcher gives up with this message."""
    return _found(message) is not None


def of_launcher(message: str) -> Cause:
    """What a message of the launcher's means."""
    return _found(message) or _UNKNOWN_LINE


def _found(message: str) -> Cause | None:
    wrapped = _WRAPPED.match(message)
    bare = message[wrapped.end() if wrapped else 0 :][:_LONGEST].rstrip()
    fits = (cause for pattern, cause in LAUNCHER if re.match(pattern, bare, re.DOTALL))
    return next(fits, None)
