"""What `pulumi preview --json` prints is read, whatever it holds, or refused with the reason."""

from __future__ import annotations

import json
from typing import Any

import pytest

from ops.review import preview as preview_module
from ops.review.preview import PreviewError, read
from tests.fixtures.previews import BUCKET, Json, preview, read_preview, step


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (b"", "got 0 bytes that are no JSON"),
        (b"\xff\xfe", "got 2 bytes that are no JSON"),
        (b"Previewing update", "pulumi preview --json --show-sames"),
        (b"[" * 100_000, "that are no JSON"),
        (b"[]", "got JSON of type list"),
        (b"{}", "a preview without a resource"),
        (b'{"steps": {}}', "a preview without a resource"),
        (b'{"steps": [1]}', "step 0: got no operation with a URN"),
        (b'{"steps": [{"op": "create", "urn": "urn"}]}', "step 0: got no operation"),
        (b'{"steps": [{"op": 1, "urn": "urn:pulumi:a::b::c::d"}]}', "step 0: got no operation"),
    ],
)
def test_what_is_no_preview_is_refused(text: bytes, message: str) -> None:
    """The message says what was expected, and the command that prints it."""
    with pytest.raises(PreviewError, match=message):
        read(text)


def test_a_preview_that_is_too_large_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is not parsed."""
    monkeypatch.setattr(preview_module, "LARGEST", 10)
    with pytest.raises(PreviewError, match="got more than 10 bytes"):
        read(b"{" * 11)


def test_a_failed_preview_is_refused_with_every_error() -> None:
    """There is nothing to judge."""
    errors = [{"severity": "error", "message": f"error: {each}\n"} for each in ("one", "two")]
    with pytest.raises(PreviewError, match="nothing to judge: error: one; error: two"):
        read_preview(step("same", BUCKET, old={}, new={}), diagnostics=errors)


def test_a_preview_that_only_a_policy_pack_refused_is_read() -> None:
    """Its steps are complete."""
    failed = {"severity": "error", "message": "error: preview failed\n"}
    found = read_preview(step("same", BUCKET, old={}, new={}), diagnostics=[failed])
    assert found.refused
    assert len(found.steps) == 1


def test_warnings_are_kept_and_other_diagnostics_are_not() -> None:
    """The program's own warnings have a cure in them."""
    diagnostics: list[Any] = [
        {"severity": "warning", "message": "warning: take care\n"},
        {"severity": "info", "message": "info: hello"},
        "odd",
    ]
    found = read_preview(step("same", BUCKET, old={}, new={}), diagnostics=diagnostics)
    assert found.warnings == ("take care",)


def test_a_step_has_type_name_and_stack_of_its_urn() -> None:
    """A name may hold the separator."""
    text = json.loads(preview(step("same", BUCKET, "a::b", old={}, new={})))
    text["steps"][0]["urn"] = f"urn:pulumi:prod::project::parent:a:B${BUCKET}::a::b"
    found = read(json.dumps(text).encode())
    (only,) = found.steps
    assert (found.stack, only.type, only.name) == ("prod", BUCKET, "a::b")


def test_before_is_what_the_cloud_said_and_after_what_the_program_wants() -> None:
    """A change by hand is in the outputs after a refresh; the new outputs are not known."""
    text = json.loads(preview(step("update", BUCKET, old={"a": 1, "b": 1}, new={"a": 2})))
    text["steps"][0]["oldState"]["outputs"] = {"a": 3}
    (only,) = read(json.dumps(text).encode()).steps
    assert (only.before, only.after) == ({"a": 3, "b": 1}, {"a": 2})
    assert only.declared_before == {"a": 1, "b": 1}


@pytest.mark.parametrize(
    ("op", "old", "new", "ends", "changes"),
    [
        ("create", None, {}, False, True),
        ("same", {}, {}, False, False),
        ("read", {}, {}, False, False),
        ("discard", {}, None, False, False),
        ("update", {}, {}, False, True),
        ("replace", {}, {}, True, True),
        ("delete", {}, None, True, True),
    ],
)
def test_an_operation_says_whether_something_ends(
    op: str, old: Any, new: Any, *, ends: bool, changes: bool
) -> None:
    """A replacement ends the old resource."""
    (only,) = read_preview(step(op, BUCKET, old=old, new=new)).steps
    assert (only.ends, only.changes) == (ends, changes)
    assert (only.before is None) == (old is None)
    assert (only.after is None) == (new is None)


def test_a_resource_that_is_kept_in_the_cloud_does_not_end() -> None:
    """`retainOnDelete`: the engine only forgets it."""
    (only,) = read_preview(step("delete", BUCKET, old={}, retainOnDelete=True)).steps
    assert not only.ends


def test_steps_beside_a_resources_own_step_are_left_out() -> None:
    """A refresh, and the halves of a replacement."""
    found = read_preview(
        step("refresh", BUCKET, old={}, new={}),
        step("create-replacement", BUCKET, old={}, new={}),
        step("replace", BUCKET, old={}, new={}),
        step("delete-replaced", BUCKET, old={}),
    )
    assert [each.op for each in found.steps] == ["replace"]


@pytest.mark.parametrize(
    ("summary", "unlisted"), [({"same": 5}, 4), ({"same": 1}, 0), ({}, 0), (None, 0)]
)
def test_unchanged_resources_that_are_not_listed_are_counted(summary: Any, unlisted: int) -> None:
    """Without --show-sames the engine leaves them out, and no rule judges them."""
    found = read_preview(step("same", BUCKET, old={}, new={}), changeSummary=summary)
    assert found.unlisted == unlisted


@pytest.mark.parametrize(
    ("found", "names"),
    [
        (step("same", BUCKET, old={"name": "a"}, new={"name": "a"}), {"a"}),
        (step("replace", BUCKET, old={"name": "a"}, new={"name": "b"}), {"b"}),
        (step("delete", BUCKET, old={"name": "a"}), set()),
        (step("read", BUCKET, old={"name": "a"}, new={}, id="a"), {"a"}),
        (step("read", BUCKET, old={"name": "a"}, new={}, id="b"), {"b"}),
        (step("read", BUCKET, new={}, id="b"), {"b"}),
    ],
    ids=["kept", "replaced", "deleted", "read as before", "another read", "read from now on"],
)
def test_the_names_of_a_stacks_buckets_are_those_it_will_have(found: Json, names: set[str]) -> None:
    """And those of existing ones: the program refuses what is not of the stack's own project."""
    assert read_preview(found).names(BUCKET) == names
