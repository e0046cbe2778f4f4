"""The Confidential Space launcher: the steps of a VM's start, with the launcher's messages.

Metadata, pull, client of the attestation service, launch policy, token, container; then the VM
stops. The workload gets SIGTERM before the VM is powered off. Not modelled: restarts (the exit code
asks for one, the VM stops nevertheless), a debug image's line about the signal, token refresh
(one token, valid for an hour), retries of the pull, Cloud Logging.
https://github.com/google/go-tpm-tools/tree/main/launcher
"""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from rehearsal.cloud.confidential_space import (
    claims,
    container,
    go_text,
    launch_policy,
    launch_spec,
    token_mount,
)
from rehearsal.cloud.confidential_space.claims import BootImage, Container
from rehearsal.cloud.confidential_space.verifier import Verifier, VerifierError
from rehearsal.cloud.http.errors import ApiError
from rehearsal.cloud.iam import access
from rehearsal.cloud.registry import distribution
from rehearsal.image_builder import oci

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rehearsal.cloud.confidential_space.container import Disk
    from rehearsal.cloud.confidential_space.launch_spec import LaunchSpec
    from rehearsal.cloud.confidential_space.token_issuer import Issuer
    from rehearsal.cloud.iam.access import Caller
    from rehearsal.cloud.state import Cloud, Instance

NO_SPEC = "failed to get launchspec, make sure you're running inside a GCE VM: "
NO_CLIENT = "failed to create REST verifier client: "
NOT_ATTESTED = (
    "failed to fetch and write OIDC token: failed to retrieve attestation service token: "
)
DEFAULT_ENV = ("PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",)
"""For an image without variables: https://github.com/containerd/containerd/blob/main/pkg/oci/spec_opts.go"""
EXIT_MESSAGES = {
    0: "workload finished successfully, shutting down the VM",
    1: "workload or launcher error, shutting down the VM",
    3: "rebooting VM",
    4: "VM remains running",
}
"""The launcher's exit code -> its last message."""


class LaunchError(Exception):
    """The launcher stops before the workload runs; the message is its log line."""


class RetryableError(LaunchError):
    """The launcher stops; with a restart policy other than Never, it would try again."""


class WorkloadError(Exception):
    """The workload ran and failed; its exit code never leaves the VM."""


@dataclass(frozen=True)
class Measured:
    """The launch as its token describes it: settings, image, container."""

    spec: LaunchSpec
    image: oci.Image
    container: Container


@dataclass(frozen=True)
class Launch:
    """One VM from power-on to power-off.

    `client_environment` leads its workload to the local cloud. Once `notice` is set, the workload
    gets SIGTERM; the launcher then ends as it does whenever its workload ends.
    """

    cloud: Cloud
    issuer: Issuer
    client_environment: Mapping[str, str]
    instance: Instance
    boot: BootImage
    disk: Disk
    notice: asyncio.Event = field(default_factory=asyncio.Event)

    async def stays_on(self) -> bool:
        """Run all steps of the launcher; returns whether the VM stays on afterwards."""
        self._info("TEE container launcher initiating")
        restart, code = "Never", 1
        try:
            ready = self.measure()
            restart = ready.spec.restart_policy
            async with container.metadata_server(self.cloud, self.instance) as address:
                await self._execute(ready, address)
            code = 3 if restart == "Always" else 0
        except LaunchError as error:
            self._error(str(error))
            code = 3 if isinstance(error, RetryableError) and restart != "Never" else 1
        except WorkloadError:
            self._error("workload finished with a non-zero return code")
            code = 1 if restart == "Never" else 3
        if self.boot.debug:
            code = 4
        self._info("TEE container launcher exiting", exit_code=code, exit_msg=EXIT_MESSAGES[code])
        return self.boot.debug

    def measure(self) -> Measured:
        """Run all steps before the workload's start, and write its token; LaunchError."""
        try:
            spec = launch_spec.parse(self.instance.metadata, hardened=not self.boot.debug)
        except launch_spec.SpecError as error:
            raise LaunchError(f"{NO_SPEC}{error}") from error
        who = self._account()
        image = self._pull(spec, who)
        verifier = self._verifier(who)
        prepared = self._prepare(spec, image)
        self._attest(spec, prepared, verifier)
        return Measured(spec, image, prepared)

    def _account(self) -> Caller:
        """The identity of the VM: its service account, or an anonymous caller."""
        email = self.instance.service_account
        if email not in self.cloud.service_accounts:
            return access.ANONYMOUS
        try:
            return access.caller_of_token(self.cloud, self.cloud.mint(f"serviceAccount:{email}"))
        except ApiError as error:
            self._error(
                f"failed to retrieve auth token: {error}, using empty auth for image pulling"
            )
            return access.ANONYMOUS

    def _pull(self, spec: LaunchSpec, who: Caller) -> oci.Image:
        try:
            reference = oci.Reference.parse(spec.image_reference)
            _require_route(self.cloud, self.instance, reference.host)
            image = distribution.pull(self.cloud, who, reference)
            oci.unpack(image, self.disk.make("rootfs"))
        except (oci.ImageError, distribution.RegistryError) as error:
            hint = "" if who.member else " (no token, only works for a public image)"
            raise LaunchError(
                f"cannot pull the image{hint}: failed to pull image with retries, the last error "
                f'is: failed to resolve reference "{spec.image_reference}": {error}'
            ) from error
        return image

    def _verifier(self, who: Caller) -> Verifier:
        """The client of the attestation service; it is created before the launch policy is read."""
        project = self.cloud.projects[self.instance.project]
        verifier = Verifier(self.cloud, project, self.instance.zone.rpartition("-")[0], who)
        try:
            verifier.find()
        except VerifierError as error:
            raise LaunchError(f"{NO_CLIENT}{error}") from error
        return verifier

    def _prepare(self, spec: LaunchSpec, image: oci.Image) -> Container:
        """Check the launch against the image's policy; returns argv and environment."""
        config = image.config
        labels = config.get("Labels") or {}
        try:
            launch_spec.check_names(spec)
            self._info(
                "Preparing Container Runner",
                operator_input_image_ref=spec.image_reference,
                image_digest=image.digest,
                operator_override_env_vars=[f"{name}=[REDACTED]" for name in spec.env],
                operator_override_cmd=list(spec.command),
            )
            self._info(f"Image Labels               : {json.dumps(labels)}")
            launch_policy.parse(labels).verify(spec)
        except launch_policy.PolicyError as error:
            raise LaunchError(
                f"failed to parse image Launch Policy: {error}: contact the image author"
            ) from error
        except (launch_policy.Refused, launch_spec.SpecError) as error:
            raise LaunchError(str(error)) from error
        self._info("Retrieved image config", image_id=image.config_digest)
        args = [*(config.get("Entrypoint") or []), *(spec.command or config.get("Cmd") or [])]
        if len(args) <= len(spec.command):
            raise LaunchError(
                f"length of Args [{len(args)}] is shorter or equal to the length of the given Cmd "
                f"[{len(spec.command)}], maybe the Entrypoint is set to empty in the image?"
            )
        variables = [pair.partition("=") for pair in config.get("Env") or DEFAULT_ENV]
        # The launcher accepts a variable without `=`; the process does not get it.
        env = {name: value for name, sign, value in variables if sign}
        env = {**env, **spec.env, "HOSTNAME": self.instance.name}
        return Container(image.digest, image.config_digest, tuple(args), env)

    def _attest(self, spec: LaunchSpec, prepared: Container, verifier: Verifier) -> None:
        """Write the token, if the attestation service may sign one for this account."""
        try:
            verifier.challenge()
        except VerifierError as error:
            raise LaunchError(f"{NOT_ATTESTED}{error}") from error
        for email in spec.impersonated:
            self._impersonate(verifier.who, email)
        now = self.cloud.now()
        try:
            token_claims = claims.claims(
                self.instance, verifier.project, self.boot, spec, prepared, now
            )
        except KeyError:
            raise LaunchError(
                NOT_ATTESTED
                + verifier.refusal(
                    "AMD SEV-SNP is not currently supported by Google Cloud Attestation, "
                    "reason = UNSUPPORTED_CC_TECHNOLOGY"
                )
            ) from None
        self.disk.make(self.disk.token.parent.name)
        self.disk.token.write_text(self.issuer.sign(token_claims))
        self._info("successfully refreshed attestation token", token=token_claims)

    def _impersonate(self, who: Caller, email: str) -> None:
        """LaunchError unless the VM's account may impersonate an account that the token names."""
        account = self.cloud.service_accounts.get(email)
        policies = [account.policy] if account else []
        resource = f"iam.googleapis.com/projects/-/serviceAccounts/{email}"
        try:
            access.require(
                self.cloud, who, "iam.serviceAccounts.getOpenIdToken", resource, policies
            )
        except ApiError as error:
            doing = f"failed to get impersonated token for {email}"
            raise LaunchError(f"{NOT_ATTESTED}{doing}: {error}") from error

    async def _execute(self, ready: Measured, metadata_address: str) -> None:
        shown = ready.spec.log_redirect in ("true", "serial")
        redirected = "be redirected to serial logging" if shown else "not be redirected"
        self._info(f"Container stdout/stderr will {redirected}.")
        folder = self.disk.root / (ready.image.config.get("WorkingDir") or "/").lstrip("/")
        env = self.disk.environment(ready.container.env, self.client_environment, metadata_address)
        show = self.instance.serial.append if shown else None
        if why := token_mount.unavailable_reason():
            self._log("WARN", f"local cloud: no token at {token_mount.MOUNT_POINT}: {why}", {})
        try:
            command = self.disk.command(ready.container.args)
            self._info("workload task started")
            code = await container.run(command, folder, env, show, self.notice)
        except container.NotStarted as error:
            raise RetryableError(f"failed to create task: {error}") from error
        if code != 0:
            self._error("workload task ended and returned non-zero")
            raise WorkloadError
        self._info("workload task ended and returned 0")

    def _info(self, message: str, **attributes: object) -> None:
        self._log("INFO", message, attributes)

    def _error(self, message: str) -> None:
        self._log("ERROR", message, {})

    def _log(self, level: str, message: str, attributes: Mapping[str, object]) -> None:
        """One line on the serial console, as Go's slog.TextHandler writes it."""
        moment = datetime.fromtimestamp(self.cloud.now(), UTC).isoformat(timespec="milliseconds")
        pairs = {"time": moment, "level": level, "msg": message, **attributes}
        self.instance.serial.append(
            " ".join(f"{k}={go_text.attribute(v)}" for k, v in pairs.items())
        )


def _require_route(cloud: Cloud, instance: Instance, host: str) -> None:
    """ImageError unless the VM has an external address, or its subnetwork Private Google Access.

    The real pull hangs without any message; here it fails at once.
    """
    for interface in instance.doc.get("networkInterfaces", []):
        subnet = "projects/" + interface.get("subnetwork", "").partition("projects/")[2]
        private = cloud.networking.get(subnet, {}).get("privateIpGoogleAccess")
        if interface.get("accessConfigs") or private:
            return
    raise oci.ImageError(f"dial tcp {host}:443: i/o timeout")
