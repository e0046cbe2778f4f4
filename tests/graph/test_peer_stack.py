"""What Secundus' stack does about answers for the peer's stack that hold no handover."""

from __future__ import annotations

import pulumi
import pytest

from infra import peer_stack
from infra.config.company_settings import Operator
from infra.config.secundus_settings import Author
from infra.handover import OUTPUT, HandoverError
from tests.graph.mocked import HANDOVER

STACK = "organization/confidential-inference/primus"
AUTHOR = Author(project="primus-models", project_number="111111111111")
OPERATOR = Operator(
    project="secundus-vision",
    project_number="222222222222",
    service_account=HANDOVER["operatorAccount"],
)


def test_a_handover_published_as_a_secret_is_refused() -> None:
    """A preview of what is launched would show nothing but [secret]."""
    with pytest.raises(HandoverError, match=f"{STACK} published its 'handover' as a secret"):
        peer_stack._read({OUTPUT: HANDOVER}, [OUTPUT], AUTHOR, OPERATOR, STACK)


def test_a_handover_beside_another_secret_output_is_accepted() -> None:
    """Only the output that crosses has to be plain."""
    handover = peer_stack._read({OUTPUT: HANDOVER}, ["apiKey"], AUTHOR, OPERATOR, STACK)
    assert handover.image == HANDOVER["image"]


def test_an_error_other_than_an_unknown_stack_is_not_reworded(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A backend that does not answer must not be reported as a missing stack."""

    def unavailable(_token: str, _arguments: dict[str, str]) -> None:
        raise ConnectionError("the backend does not answer")

    monkeypatch.setattr(pulumi.runtime, "invoke", unavailable)
    with pytest.raises(ConnectionError, match="the backend does not answer"):
        peer_stack.from_stack([STACK], AUTHOR, OPERATOR)
