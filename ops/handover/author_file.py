"""The values of an author's file, judged by what stack secundus configures, or by themselves."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from infra import handover_file, naming
from infra.config.company_settings import Operator
from infra.config.secundus_settings import Author

if TYPE_CHECKING:
    from collections.abc import Mapping

    from infra.handover import Handover
    from infra.handover_file import HandoverFile
    from ops.handover.parties import Secundus


def author_of(values: Mapping[str, Any]) -> Author:
    """The author that the values name: project of the model's reader, number of the provider.

    Where they name none, what stands in its place is no project, and `accepted` refuses it.
    """
    reader, audience = str(values.get("modelReader")), str(values.get("audience"))
    valid_reader = re.fullmatch(naming.SERVICE_ACCOUNT, reader)
    valid_audience = re.fullmatch(naming.AUDIENCE, audience)
    return Author(
        project=reader.partition("@")[2].partition(".")[0] if valid_reader else "PROJECT",
        project_number=audience.split("/")[4] if valid_audience else "NUMBER",
    )


def accepted(file: HandoverFile, source: str, secundus: Secundus | None) -> Handover:
    """The handover, if every value belongs to one author and is for one operator.

    HandoverError with every problem. What the stack configures decides who these are; what it does
    not configure yet, and everything without a stack, the values decide.
    """
    values = file.values
    author = author_of(values)
    us = Operator(
        project="",
        project_number=str(values.get("operatorNumber")),
        service_account=str(values.get("operatorAccount")),
    )
    if secundus is not None:
        us = secundus.us
        author = Author(
            project=secundus.author_project or author.project,
            project_number=secundus.author_number or author.project_number,
        )
    return handover_file.of_author(file, author, us, source)
