"""The gates between an attacker and the model, in order, and which of them refuses first.

Each gate calls in process the code that answers over HTTP: launcher, token service, IAM
credentials, Cloud Storage, and the workload's own `receive`. This module decides nothing.
"""

from __future__ import annotations

import tempfile
import warnings
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path
from typing import IO, TYPE_CHECKING, NoReturn

from google.api_core.exceptions import NotFound

from rehearsal.attacks import deployment
from rehearsal.cloud import sts
from rehearsal.cloud.confidential_space.launcher import LaunchError
from rehearsal.cloud.http.errors import ApiError
from rehearsal.cloud.iam import access, credentials
from rehearsal.cloud.storage import bucket_iam
from rehearsal.cloud.sts import TOKEN_TYPE, Refusal
from workload import job, settings, storage
from workload.engines import selection
from workload.errors import Failure, SliceError, WorkloadError

with warnings.catch_warnings():
    # TensorFlow's own dependencies use what NumPy and Python have deprecated.
    warnings.simplefilter("ignore")
    import workload.engines.tensorflow_operations  # noqa: F401  the workload imports it late, inside of some test

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from rehearsal.attacks.deployment import Target
    from rehearsal.cloud.iam.access import Caller
    from rehearsal.cloud.state import Instance
    from workload.manifest import Manifest


class Gate(StrEnum):
    """Each part that can refuse, in the order in which a request reaches them."""

    LAUNCHER = "launcher"
    TOKEN = "token check"  # noqa: S105  a name
    MAPPING = "attribute mapping"
    CONDITION = "condition"
    IAM = "IAM"
    BUCKET = "bucket"
    WORKLOAD = "workload"


REJECTED = "The given credential is rejected by the attribute condition."
RELEASED = "the model was released"


@dataclass(frozen=True)
class Verdict:
    """The gate that refused first, and its words; `by` is None if the model was released."""

    by: Gate | None
    said: str


class Refused(Exception):  # noqa: N818  a refusal is the answer here, not a fault
    """A gate refused."""

    def __init__(self, by: Gate, said: str) -> None:
        super().__init__(said)
        self.verdict = Verdict(by, said)


def launch(target: Target, machine: Instance) -> str:
    """The token of a machine; Refused by the launcher."""
    try:
        return deployment.token(target.cloud, target.issuer, machine)
    except LaunchError as error:
        raise Refused(Gate.LAUNCHER, str(error)) from error


def exchange(target: Target, token: str, audience: str | None = None) -> Caller:
    """The federated identity that a token becomes; Refused by the token service."""
    form = {
        "grant_type": "urn:ietf:params:oauth:grant-type:token-exchange",
        "audience": target.handover["audience"] if audience is None else audience,
        "scope": "https://www.googleapis.com/auth/iam",
        "requested_token_type": TOKEN_TYPE + "access_token",
        "subject_token_type": TOKEN_TYPE + "jwt",
        "subject_token": token,
    }
    try:
        answer = sts.exchange(target.cloud, target.issuer, form)
    except Refusal as refusal:
        gate = _gate(refusal)
        if gate is Gate.CONDITION:
            _note(target, form, admitted=False)
        elif gate is Gate.MAPPING:
            target.unmapped.append(deployment.claims_of(token))
        raise Refused(gate, str(refusal)) from refusal
    _note(target, form, admitted=True)
    return access.caller_of_token(target.cloud, answer["access_token"])


def _gate(refusal: Refusal) -> Gate:
    if str(refusal) == REJECTED:
        return Gate.CONDITION
    return Gate.MAPPING if "mapped attribute" in str(refusal) else Gate.TOKEN


def _note(target: Target, form: Mapping[str, str], *, admitted: bool) -> None:
    """Record the verdict of the deployed condition; other providers have other conditions."""
    if form["audience"] == target.handover["audience"]:
        target.presented.append((deployment.claims_of(form["subject_token"]), admitted))


def impersonate(target: Target, who: Caller, reader: str | None = None) -> Caller:
    """The model's reader, for whoever may act as it; Refused by IAM."""
    email = reader or target.reader.email
    scope = ["https://www.googleapis.com/auth/devstorage.read_only"]
    try:
        answer = credentials.generate_access_token(target.cloud, who, email, {"scope": scope})
        return access.caller_of_token(target.cloud, answer["accessToken"])
    except ApiError as error:
        raise Refused(Gate.IAM, str(error)) from error


def read(target: Target, who: Caller, bucket: str, name: str) -> bytes:
    """An object's bytes, for whoever may read it; Refused by the bucket."""
    try:
        found = bucket_iam.authorize(target.cloud, who, "storage.objects.get", bucket, name)
    except ApiError as error:
        raise Refused(Gate.BUCKET, str(error)) from error
    return found.objects[name].data


def present(target: Target, token: str, audience: str | None = None) -> Verdict:
    """Everything that a token gives to somebody who runs code of their own."""
    try:
        who = impersonate(target, exchange(target, token, audience))
        bucket, name = target.model
        read(target, who, bucket.name, name)
    except Refused as refused:
        return refused.verdict
    return Verdict(None, RELEASED)


def run(
    target: Target,
    environment: Mapping[str, str],
    token: str,
    bucket: type[storage.Bucket] = storage.Bucket,
) -> Verdict:
    """Everything that a token gives to Primus' own workload, up to the loading of the model."""

    def reader(chosen: settings.Settings) -> job.Bucket:
        federated = exchange(target, token, chosen.model_audience)
        who = impersonate(target, federated, chosen.model_reader)
        return bucket(_Objects(target, who, chosen.model_bucket))

    outside = job.Collaborators(
        operator=_nobody,
        model_reader=lambda chosen: lambda _: reader(chosen),
        decoders=_no_pictures,
        load=_loaded,
    )
    with tempfile.TemporaryDirectory() as private:
        return work(
            lambda: outside.load(*job.receive(settings.parse(environment), outside, Path(private)))
        )


def work(does: Callable[[], object]) -> Verdict:
    """The verdict on an action of the workload, worded as its `__main__` words it."""
    try:
        does()
    except Refused as refused:
        return refused.verdict
    except (WorkloadError, SliceError) as error:
        return Verdict(Gate.WORKLOAD, str(error))
    except _Loaded:
        return Verdict(None, RELEASED)
    except Exception as error:  # noqa: BLE001  a fault releases nothing, like a refusal
        return Verdict(Gate.WORKLOAD, f"{Failure.INTERNAL_ERROR.code}: {type(error).__name__}")
    return Verdict(None, RELEASED)


class _Loaded(Exception):  # noqa: N818  the end of the way
    """All checks passed; loading and predicting have tests of their own."""


def _loaded(unpacked: Path, manifest: Manifest) -> NoReturn:
    selection.check(unpacked, manifest)
    raise _Loaded


def _no_pictures() -> NoReturn:
    raise AssertionError("receiving the model decodes nothing")


def _nobody() -> NoReturn:
    raise AssertionError("receiving the model asks nothing of the operator's identity")


@dataclass(frozen=True)
class _Objects:
    """A bucket and its objects, as far as `workload.storage` asks Google's client for them here."""

    target: Target
    who: Caller
    bucket: str
    name: str = ""

    def blob(self, name: str) -> _Objects:
        """One object."""
        return replace(self, name=name)

    def download_to_file(self, sink: IO[bytes], *, raw_download: bool, **_: object) -> None:
        """Its bytes as stored, from the state instead of over HTTP; NotFound."""
        assert raw_download, "a transcoded model has another hash"
        try:
            content = read(self.target, self.who, self.bucket, self.name)
        except KeyError:
            raise NotFound(self.name) from None  # type: ignore[no-untyped-call]  # typed in part
        sink.write(content)
