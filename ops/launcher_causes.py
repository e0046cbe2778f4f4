"""The cause of each message with which the launcher ends.

From its source, https://github.com/google/go-tpm-tools/tree/main/launcher (start_launcher.go,
container_runner.go, spec/), and from its messages on Google's own machines. docs/errors.md is
generated from this table: `python -m ops.error_table`.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Final

from infra.attestation.clause import Party
from ops.cause import NEVER, REBUILD, RUN_AGAIN, Cause, RefusedBy, Seen
from ops.commands import AGAIN, PRIMUS, SECUNDUS

_PULL_RETRIES: Final = "3 times"


def _cause(when: str, mistake_of: Party | None, fix: str, retried: str = NEVER) -> Cause:
    return Cause(when, RefusedBy.LAUNCHER, mistake_of, fix, retried, Seen.CONSOLE)


def _operator(when: str, fix: str, retried: str = NEVER) -> Cause:
    return _cause(when, Party.OPERATOR, f"{fix}: {SECUNDUS}", retried)


def _machine(when: str, fix: str, retried: str = NEVER) -> Cause:
    """Somebody changed by hand what this program deployed."""
    return _cause(when, Party.OPERATOR, f"{fix}: {SECUNDUS} --refresh", retried)


def _metadata(when: str, *keys: str) -> Cause:
    return _machine(when, f"remove {' and '.join(keys)} from the metadata")


def _author(when: str, fix: str = REBUILD) -> Cause:
    return _cause(when, Party.AUTHOR, fix)


def _platform(when: str) -> Cause:
    return _cause(when, Party.PLATFORM, RUN_AGAIN)


_NO_ACCOUNT: Final = _machine(
    "the machine has no service account", "give the machine its service account"
)
_NO_ROUTE: Final = _operator(
    "the machine has no route to Google's attestation service",
    "give the subnetwork Private Google Access, as this program does",
)
_NO_ATTESTATION: Final = _cause(
    "the API is off, or the machine's account has no grant to attest",
    Party.OPERATOR,
    "switch the API confidentialcomputing.googleapis.com on and grant the machine's account"
    f" roles/confidentialcomputing.workloadUser: {SECUNDUS}; minutes later: {AGAIN}",
)

_UNREACHABLE: Final = (
    ".*(i/o timeout|no route|connection refused|no such host|unreachable|deadline)"
)
_REFUSED: Final = ".*(DENIED|Permission|403|[Ff]orbidden|[Uu]nauthorized|disabled)"
_PULL: Final = "cannot pull the image: "
_CLIENT: Final = "failed to create REST verifier client: "
_NOT_ATTESTED: Final = "failed to fetch and write OIDC token: .*"

LAUNCHER: Final[tuple[tuple[str, Cause], ...]] = (
    (
        "failed to get launchspec",
        _machine(
            "the launcher does not understand the machine's metadata",
            "let this program write the metadata",
        ),
    ),
    (
        "failed to verify (disk integrity|filesystem and mounts|mounts)",
        _platform(
            "the machine's disks are not as Google's boot image makes them; the machine starts"
            " again by itself"
        ),
    ),
    (
        "failed to open TPM device",
        _machine(
            "the machine has no vTPM; it starts again by itself",
            "deploy the machine by this program, which gives it a vTPM",
        ),
    ),
    (
        "failed to (initialize TPM|find AKCert)",
        _platform("Google gives the machine no key to attest with"),
    ),
    ("failed to initialize authenticated Google HTTP client", _NO_ACCOUNT),
    (
        "failed to initialize cloud logging",
        _machine(
            "the machine cannot write to Cloud Logging",
            "switch the API logging.googleapis.com on and grant roles/logging.logWriter",
        ),
    ),
    (
        "(?i:failed to install gpu drivers)",
        _machine(
            "the machine has a GPU, and the metadata does not ask for its driver, or the driver"
            " cannot be installed",
            "use a machine without a GPU, as this program does",
        ),
    ),
    (r"cannot pull the image \(no token", replace(_NO_ACCOUNT, retried=_PULL_RETRIES)),
    (
        _PULL + _UNREACHABLE,
        replace(
            _NO_ROUTE, when="the machine has no route to Artifact Registry", retried=_PULL_RETRIES
        ),
    ),
    (
        _PULL + _REFUSED,
        _cause(
            "the machine's account has no grant to read Primus' repository",
            Party.AUTHOR,
            f"grant the operator's project the repository: {PRIMUS}; minutes later: {AGAIN}",
            _PULL_RETRIES,
        ),
    ),
    (
        _PULL + ".*(MANIFEST_UNKNOWN|manifest unknown|NAME_UNKNOWN|not found)",
        _cause(
            "the repository does not hold the image that was published: somebody deleted it",
            Party.AUTHOR,
            "put the image back into the repository, or admit one that is there (image.digest):"
            f" {PRIMUS}; then {SECUNDUS}",
            _PULL_RETRIES,
        ),
    ),
    (
        _PULL,
        _operator(
            "the image cannot be read or unpacked",
            "launch the image that Primus published",
            _PULL_RETRIES,
        ),
    ),
    (
        "unknown image config media type",
        _author("the launcher does not know the form of the image"),
    ),
    (
        _CLIENT + ".*insufficient authentication scopes",
        _machine(
            "the machine's access scopes leave out a part of Google Cloud",
            "give the machine the scope cloud-platform, as this program does",
        ),
    ),
    (
        _CLIENT + _REFUSED,
        replace(
            _NO_ATTESTATION,
            when=f"{_NO_ATTESTATION.when}; the launcher finds out before it asks for a token",
        ),
    ),
    (
        _CLIENT + ".*available regions",
        _cause(
            "there is no attestation service in the machine's region",
            Party.OPERATOR,
            f"use a zone in a region that it lists: pulumi config set zone ZONE --stack secundus"
            f" && {SECUNDUS}",
        ),
    ),
    (_CLIENT + ".*(default credentials|OAuth2 token)", _NO_ACCOUNT),
    (_CLIENT + _UNREACHABLE, _NO_ROUTE),
    (_CLIENT, _platform("a request to Google's attestation service fails for any other reason")),
    (
        "failed to create ITA (verifier )?client",
        _metadata("the metadata asks for another attestation service", "ita-region", "ita-api-key"),
    ),
    (
        "failed to parse image Launch Policy|invalid image LABEL",
        _author("the launcher does not understand the image's labels"),
    ),
    (
        # The value, which anybody may choose, stands before; the list is the image's label.
        r"env var .* is not allowed to be overridden on this image; allowed envs .*: \[\]$",
        _author(
            "the metadata sets a variable, and the image has no label that allows any",
            "the image lets an operator set nothing, and this program sets what"
            " docs/architecture.md lists: ask its author to give it the label"
            f" tee.launch_policy.allow_env_override, build it and admit it: {PRIMUS}",
        ),
    ),
    (
        "(.*: )?(env var .* is not allowed to be overridden|malformed env (name|value|var))",
        _metadata(
            "the metadata sets a variable that the image does not let an operator set, or a"
            " variable whose name or value is malformed",
            "every tee-env-* but those in docs/architecture.md",
        ),
    ),
    ("CMD is not allowed to be overridden", _metadata("the metadata sets a command", "tee-cmd")),
    (
        "(unknown )?logging redirect",
        _metadata("the metadata asks for the workload's output", "tee-container-log-redirect"),
    ),
    (
        "error verifying monitoring config|Failed to enable full monitoring|.*problem-detector",
        _metadata(
            "the metadata asks for memory monitoring",
            "tee-monitoring-enable",
            "tee-monitoring-memory-enable",
        ),
    ),
    (
        "destination mount points are not allowed",
        _metadata("the metadata asks for a mount", "tee-mount"),
    ),
    (
        "additional capabilities are not allowed",
        _metadata("the metadata asks for more capabilities", "tee-added-capabilities"),
    ),
    (
        "cgroups usage is not allowed",
        _metadata("the metadata asks for a cgroup namespace", "tee-cgroup-ns"),
    ),
    (
        "cannot get hostname|failed to ((initialize|load) CNI|setup network|get container IP)",
        _platform("the machine's own network is not ready"),
    ),
    (
        "failed to create a container: .*no space left",
        _author(
            "the image does not fit on the machine's disk", f"make the image smaller; {REBUILD}"
        ),
    ),
    (
        "failed to create a container: ",
        _cause(
            "containerd cannot make a container of the image, or not now",
            None,
            f"{RUN_AGAIN}; if the message is the same, {REBUILD}",
        ),
    ),
    ("length of Args", _author("the image has no entry point")),
    (
        "failed to measure",
        _platform("the launcher cannot write the launch into the machine's measurement log"),
    ),
    (
        _NOT_ATTESTED + "UNSUPPORTED_CC_TECHNOLOGY",
        _cause(
            "Google does not attest machines of this kind",
            Party.OPERATOR,
            f"pulumi config set confidentialType SEV --stack secundus && {SECUNDUS}",
        ),
    ),
    (
        _NOT_ATTESTED + "failed to get impersonated token",
        _metadata(
            "the metadata names an account, and the machine's account has no grant to act as it",
            "tee-impersonate-service-accounts",
        ),
    ),
    (_NOT_ATTESTED + "(Error 403|Permission)", _NO_ATTESTATION),
    (
        _NOT_ATTESTED,
        _platform("the attestation service does not sign a token for any other reason"),
    ),
    (
        "failed to (create|verify) (the )?(TEE|KeyManager)",
        _platform("the launcher's own token service does not start"),
    ),
    (
        "(.*: )?(failed to (parse|open|forward) port |received (invalid port|unknown protocol))",
        _author(
            "the image asks for an open port that cannot be opened",
            f"remove EXPOSE from the Dockerfile; {REBUILD}",
        ),
    ),
    (
        "failed to create (shim )?task|.*OCI runtime (create|start) failed",
        _author("the image names a program that it does not hold"),
    ),
    ("Panic: ", _platform("the launcher itself fails")),
)
"""Patterns of how the launcher's messages begin; the first that matches decides."""

_UNKNOWN_MESSAGE: Final = _cause(
    "the launcher writes another message",
    None,
    "this program does not know the sentence; look at the lines around it",
)
_WRAPPERS: Final = re.compile("(failed with retryable error: )+")
"""The beginning of a message after which the machine may start again."""
_LONGEST: Final = 100_000
"""Cloud Logging stores less of one entry."""


def is_ending(message: str) -> bool:
    """Whether the launcher gives up with this message."""
    return _known_cause(message) is not None


def cause_of_launcher(message: str) -> Cause:
    """The cause of a message with which the launcher gives up."""
    return _known_cause(message) or _UNKNOWN_MESSAGE


def _known_cause(message: str) -> Cause | None:
    wrappers = _WRAPPERS.match(message)
    bare = message[wrappers.end() if wrappers else 0 :][:_LONGEST].rstrip()
    matching = (cause for pattern, cause in LAUNCHER if re.match(pattern, bare, re.DOTALL))
    return next(matching, None)
