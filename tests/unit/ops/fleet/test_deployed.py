"""The outputs of a stack name its fleet, or the error says how to get one."""

from __future__ import annotations

from typing import Any

import pytest

from ops.fleet import deployed
from ops.fleet.deployed import FleetError, from_stack, of_outputs
from ops.pulumi_command import StackError
from tests.cloud.fleet import EXPORTED


def changed(**fleet: Any) -> dict[str, Any]:
    """The outputs with another fleet."""
    return {**EXPORTED, "fleet": {**EXPORTED["fleet"], **fleet}}


def test_a_stack_with_one_machine_has_no_jobs() -> None:
    """The error says how to run it again, and how to set a fleet."""
    one_machine = {key: value for key, value in EXPORTED.items() if key != "fleet"}
    with pytest.raises(FleetError) as caught:
        of_outputs("secundus", one_machine)
    error = str(caught.value)
    assert "the stack secundus has no fleet, but one machine" in error
    assert "Or deploy a fleet in its place: pulumi config rm run --stack secundus && " in error
    assert "pulumi config set --path fleet.mostMachines 4 --stack secundus && pulumi up" in error


def test_every_output_that_is_not_right_is_named() -> None:
    """At once."""
    with pytest.raises(FleetError, match=r"image \(got 'x'\), topic \(got None\), picturesPer"):
        of_outputs("s", {**changed(topic=None, picturesPerSlice="many"), "image": "x"})


@pytest.mark.parametrize("number", [0, 1, 513, 65536 + 512])
def test_slices_that_no_worker_takes_are_refused(number: int) -> None:
    """Before anything is listed."""
    with pytest.raises(FleetError, match=f"got {number} pictures for each slice, expected a multi"):
        of_outputs("s", changed(picturesPerSlice=number))


def test_the_largest_slice_is_taken() -> None:
    """It is what a worker's memory has room for."""
    assert of_outputs("s", changed(picturesPerSlice=65536)).pictures_per_slice == 65536


def test_a_stack_that_cannot_be_read_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    """In Pulumi's words."""

    def failed(*_: object) -> None:
        raise StackError("no stack selected")

    monkeypatch.setattr(deployed, "outputs", failed)
    with pytest.raises(FleetError, match="no stack selected"):
        from_stack("secundus", {})
