"""The way to the model, gate by gate, and who turns a visitor away.

Every gate is the code that answers over HTTP, called in process: launcher, token service, IAM
credentials, Cloud Storage, and the workload's own `receive`. Nothing is decided here.
"""

from __future__ import annotations

import tempfile
import warnings
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path
from typing import IO, TYPE_CHECKING, NoReturn

from google.api_core.exceptions import NotFound

from rehearsal.attacks import target
from rehearsal.cloud import sts
from rehearsal.cloud.confidential_space.launcher import LaunchError
from rehearsal.cloud.http.errors import ApiError
from rehearsal.cloud.iam import access, credentials
from rehearsal.cloud.storage import bucket_iam
from rehearsal.cloud.sts import TOKEN_TYPE, Refusal
from workload import job, settings, storage
from workload.engines import selection
from workload.errors import Failure, WorkloadError

with warnings.catch_warnings():
    # TensorFlow's own dependencies use what NumPy and Python have deprecated.
    warnings.simplefilter("ignore")
    import workload.engines.tensorflow_operations  # noqa: F401  the workload imports it late, inside of some test

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from rehearsal.attacks.target import World
    from rehearsal.cloud.iam.access import Caller
    from rehearsal.cloud.state import Instance
    from workload.manifest import Manifest


class Gate(StrEnum):
    """Who can turn a visitor away, in the order of the way."""

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
    """Who was the first to refuse, in which words; `by` is None if the model was released."""

    by: Gate | None
    said: str


class Refused(Exception):  # noqa: N818  a refusal is the answer here, not a fault
    """A gate stayed shut."""

    def __init__(self, by: Gate, said: str) -> None:
        super().__init__(said)
        self.verdict = Verdict(by, said)


def launch(told: World, machine: Instance) -> str:
    """The token of a machine; Refused by the launcher."""
    try:
        return target.token(told, machine)
    except LaunchError as error:
        raise Refused(Gate.LAUNCHER, str(error)) from error


def exchange(told: World, token: str, audience: str | None = None) -> Caller:
    """The federated identity that a token becomes; Refused by the token service."""
    form = {
        "grant_type": "urn:ietf:params:oauth:grant-type:token-exchange",
        "audience": told.handover["audience"] if audience is None else audience,
        "scope": "https://www.googleapis.com/auth/iam",
        "requested_token_type": TOKEN_TYPE + "access_token",
        "subject_token_type": TOKEN_TYPE + "jwt",
        "subject_token": token,
    }
    try:
        answer = sts.exchange(told.cloud, told.issuer, form)
    except Refusal as refusal:
        gate = _gate(refusal)
        if gate is Gate.CONDITION:
            _note(told, form, admitted=False)
        elif gate is Gate.MAPPING:
            told.unmapped.append(target.claims_of(token))
        raise Refused(gate, str(refusal)) from refusal
    _note(told, form, admitted=True)
    return access.caller_of_token(told.cloud, answer["access_token"])


def _gate(refusal: Refusal) -> Gate:
    if str(refusal) == REJECTED:
        return Gate.CONDITION
    return Gate.MAPPING if "mapped attribute" in str(refusal) else Gate.TOKEN


def _note(told: World, form: Mapping[str, str], *, admitted: bool) -> None:
    """Keep what the deployed condition judged; other providers have others."""
    if form["audience"] == told.handover["audience"]:
        told.presented.append((target.claims_of(form["subject_token"]), admitted))


def impersonate(told: World, who: Caller, reader: str | None = None) -> Caller:
    """The model's reader, for whoever may act as it; Refused by IAM."""
    email = reader or told.reader.email
    scope = ["https://www.googleapis.com/auth/devstorage.read_only"]
    try:
        answer = credentials.generate_access_token(told.cloud, who, email, {"scope": scope})
        return access.caller_of_token(told.cloud, answer["accessToken"])
    except ApiError as error:
        raise Refused(Gate.IAM, str(error)) from error


def read(told: World, who: Caller, bucket: str, name: str) -> bytes:
    """An object's bytes, for whoever may read it; Refused by the bucket."""
    try:
        found = bucket_iam.authorize(told.cloud, who, "storage.objects.get", bucket, name)
    except ApiError as error:
        raise Refused(Gate.BUCKET, str(error)) from error
    return found.objects[name].data


def present(told: World, token: str, audience: str | None = None) -> Verdict:
    """All that a token leads to for somebody who is not bound to run Primus' code."""
    try:
        who = impersonate(told, exchange(told, token, audience))
        bucket, name = told.model
        read(told, who, bucket.name, name)
    except Refused as refused:
        return refused.verdict
    return Verdict(None, RELEASED)


def run(
    told: World,
    environment: Mapping[str, str],
    token: str,
    bucket: type[storage.Bucket] = storage.Bucket,
) -> Verdict:
    """All that a token leads to for Primus' own workload, up to where it would load the model."""

    def reader(chosen: settings.Settings) -> job.Bucket:
        federated = exchange(told, token, chosen.model_audience)
        who = impersonate(told, federated, chosen.model_reader)
        return bucket(_Objects(told, who, chosen.model_bucket))

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
    """What comes of something that the workload does, told as its `__main__` tells it."""
    try:
        does()
    except Refused as refused:
        return refused.verdict
    except WorkloadError as error:
        return Verdict(Gate.WORKLOAD, str(error))
    except _Loaded:
        return Verdict(None, RELEASED)
    except Exception as error:  # noqa: BLE001  a fault ends the way like a refusal
        return Verdict(Gate.WORKLOAD, f"{Failure.INTERNAL_ERROR.code}: {type(error).__name__}")
    return Verdict(None, RELEASED)


class _Loaded(Exception):  # noqa: N818  the end of the way
    """All checks are passed; loading and predicting have tests of their own."""


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

    told: World
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
            content = read(self.told, self.who, self.bucket, self.name)
        except KeyError:
            raise NotFound(self.name) from None  # type: ignore[no-untyped-call]  # typed in part
        sink.write(content)
