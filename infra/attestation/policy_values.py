"""The values that a release policy compares claims with, each with the form it must have."""

# No `from __future__ import annotations`: the annotations are read at run time.
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Final, get_type_hints

from infra.naming import (
    AUDIENCE,
    BUCKET,
    DIGEST,
    PROJECT_NUMBER,
    SERVICE_ACCOUNT,
    SHA256,
    bucket_of,
)

HARDWARE: Final = ("GCP_AMD_SEV", "GCP_INTEL_TDX")
"""What encrypts the memory and can be attested. Google's assertions page writes INTEL_TDX; live
tokens carry GCP_INTEL_TDX. For SEV_SNP no token is issued at all."""


def _first(literals: Sequence[str]) -> str:
    return literals[0] if literals else ""


@dataclass(frozen=True)
class Form:
    """The form of a text, or of each text of a list."""

    pattern: str
    expected: str
    ordered: bool = False
    """whether the order of a list means something; a list without an order is rendered sorted"""
    of_literals: Callable[[Sequence[str]], str] = _first
    """the text, from the literals of a clause that holds it"""


@dataclass(frozen=True, kw_only=True)
class PolicyValues:
    """Everything that a clause compares a claim with. Lists admit old and new during a rollout."""

    image_digests: Annotated[tuple[str, ...], Form(DIGEST, "'sha256:' and 64 hex digits")]
    arguments: Annotated[tuple[str, ...], Form(r"(?s).+", "the image's entry point", ordered=True)]
    model_hashes: Annotated[tuple[str, ...], Form(SHA256, "64 hex digits")]
    environment: Annotated[tuple[str, ...], Form(r"[A-Z][A-Z0-9_]*", "the name of a variable")]
    """the variables that an operator may set"""
    model_bucket: Annotated[
        str,
        Form(
            BUCKET,
            "a bucket",
            of_literals=lambda texts: bucket_of(_first(texts)),
        ),
    ]
    """the bucket of the admitted models, each of which is under its hash"""
    audience: Annotated[str, Form(AUDIENCE, "a provider's full name", of_literals="".join)]
    """the full name of the provider that gets this condition"""
    model_reader: Annotated[str, Form(SERVICE_ACCOUNT, "a service account")]
    hardware: Annotated[tuple[str, ...], Form("|".join(HARDWARE), " or ".join(HARDWARE))]
    project_number: Annotated[str, Form(PROJECT_NUMBER, "digits")]
    service_account: Annotated[str, Form(SERVICE_ACCOUNT, "a service account")]

    @staticmethod
    def of_literals(literals: tuple[str, ...]) -> "PolicyValues":
        """Every value made of the literals of one clause, of which only one value can be right."""
        values: dict[str, Any] = {
            name: literals if kind == tuple[str, ...] else form.of_literals(literals)
            for name, kind, form in _fields()
        }
        return PolicyValues(**values)

    def problems(self) -> Iterator[str]:
        """What is wrong with each value; a list without an entry would admit nobody."""
        for name, kind, form in _fields():
            value = getattr(self, name)
            values = value if kind == tuple[str, ...] else (value,)
            if not isinstance(values, tuple) or not values:
                got = "an empty list" if values == () else repr(values)
                yield f"{name}: got {got}, expected at least one value ({form.expected})"
                continue
            for each in values:
                if not isinstance(each, str) or not re.fullmatch(form.pattern, each):
                    yield f"{name}: got {each!r}, expected {form.expected}"

    def rendered(self) -> "PolicyValues":
        """The values in the order in which clauses list them.

        The order in which a configuration lists a set is no change of the policy, and so none in a
        preview.
        """
        values: dict[str, Any] = {
            name: tuple(sorted(set(getattr(self, name))))
            if kind == tuple[str, ...] and not form.ordered
            else getattr(self, name)
            for name, kind, form in _fields()
        }
        return PolicyValues(**values)


def _fields() -> Iterator[tuple[str, object, Form]]:
    for name, hint in get_type_hints(PolicyValues, include_extras=True).items():
        yield name, hint.__origin__, hint.__metadata__[0]
