"""What the engine, a plugin or Docker refuses, in their sentences, and the cure."""

from __future__ import annotations

from typing import Final

from ops.explain.cause import UpdateCause, Whose


def _deployer(when: str, fix: str) -> UpdateCause:
    return UpdateCause(when=when, whose=Whose.DEPLOYER, fix=fix)


PULUMI: Final[tuple[tuple[str, UpdateCause], ...]] = (
    # https://github.com/pulumi/pulumi/issues/9148
    (
        r"the stack is currently locked by|[Aa]nother update is currently in progress",
        _deployer(
            "an update of this stack is going on, or one was killed and has left its lock",
            "wait for it. If nobody runs it any more: pulumi cancel --stack {stack}, then"
            " docs/operations.md#when-something-fails",
        ),
    ),
    # https://github.com/pulumi/pulumi/issues/4265
    (
        r"pending operations|interrupted while (?:creating|updating|deleting)",
        _deployer(
            "an update was killed while something was made, and the state does not know whether"
            " it exists",
            "pulumi refresh --clear-pending-creates --stack {stack}; what exists then and is not"
            " known is taken over: docs/operations.md#when-something-fails",
        ),
    ),
    # https://www.pulumi.com/docs/iac/concepts/options/protect/
    (
        r"(?:is|as it is currently|marked for) protect(?:ed|ion)",
        _deployer(
            "`protect` in the configuration forbids to delete it",
            "take it out of `protect` and deploy that, if it may go: pulumi config rm --stack"
            " {stack} protect && pulumi up --stack {stack}",
        ),
    ),
    (
        (
            r"no resource plugin '?(?:pulumi-resource-)?(?P<plugin>[\w-]+)'? found"
            r"|failed to load language plugin|no language plugin"
        ),
        _deployer(
            "a plugin of the engine is not installed",
            "pulumi install, in the folder of the program. The language host comes with the"
            " official installer of the CLI: https://www.pulumi.com/docs/install/",
        ),
    ),
    # https://www.pulumi.com/docs/iac/cli/commands/pulumi_up/
    (
        r"must be passed in to proceed when running in non-interactive mode",
        _deployer(
            "Pulumi cannot ask whether to go on: a pipe, a file or a job is in the place of the"
            " terminal, and nothing was changed",
            "look at a preview, then: pulumi up --yes --stack {stack}",
        ),
    ),
    # https://www.pulumi.com/docs/iac/concepts/secrets/
    (
        r"[Ii]ncorrect passphrase",
        _deployer(
            "the passphrase is another one than that with which the stack was made",
            "export PULUMI_CONFIG_PASSPHRASE_FILE=FILE, with the stack's passphrase in the file",
        ),
    ),
    (
        r"passphrase must be set|PULUMI_CONFIG_PASSPHRASE",
        _deployer(
            "a passphrase encrypts the stack's secret values, as in each backend but Pulumi's"
            " service, and none is given",
            "export PULUMI_CONFIG_PASSPHRASE_FILE=FILE. A new stack can have a key of Cloud KMS"
            " instead: pulumi stack init STACK --secrets-provider gcpkms://KEY"
            " (docs/first-deployment.md#state-and-secrets-provider)",
        ),
    ),
    (
        r"PULUMI_ACCESS_TOKEN must be set|problem logging in|not logged in",
        _deployer("nobody is logged in to a backend", "pulumi login BACKEND"),
    ),
    (
        r"no stack named '?(?P<stack_name>[\w./-]+)'? found",
        _deployer(
            "this backend has no such stack",
            "if it is the right backend (pulumi whoami --verbose): pulumi stack init NAME",
        ),
    ),
    # https://github.com/pulumi/pulumi-docker/issues/967
    (
        r"failed to read downloaded context",
        _deployer(
            "Docker keeps its images in the containerd store, from which the plugin cannot build",
            "switch that store off in Docker's settings, or build outside of the stack:"
            " docs/deploy-primus.md#deploy",
        ),
    ),
    (
        (
            r"Cannot connect to the Docker daemon|error during connect|docker daemon is not running"
            r"|failed to connect to the docker API"
        ),
        _deployer(
            "Docker does not run here, and the stack builds its image",
            "start Docker, or name an image that is built elsewhere: pulumi config set --stack"
            " {stack} --path image.digest sha256:…",
        ),
    ),
    (
        (
            r"[Uu]nauthenticated request|no basic auth credentials|authentication failed"
            r"|unauthorized: failed authentication"
        ),
        _deployer(
            "Docker is not logged in to the registry",
            "gcloud auth configure-docker REGION-docker.pkg.dev",
        ),
    ),
    (
        r"i/o timeout|no such host|connection refused|TLS handshake timeout|network is unreachable",
        _deployer(
            "there was no way to a server, or it did not answer",
            "check network and proxy; nothing is lost: pulumi up --stack {stack}",
        ),
    ),
)
"""Pattern and cause. The first pattern that a message matches explains it."""
