"""Names of models that stand for the same: the plain one, and the one of a day or of a region."""

import re
from collections.abc import Mapping
from typing import TypeVar

T = TypeVar("T")

# `-us` marks what runs in the region us-east-1 only.
_tail = re.compile(r"(-us|-latest|-\d{4}-\d{2}-\d{2})$")


def row_of(id_: str, rows: Mapping[str, T]) -> T | None:
    """The row of a model, or that of the model whose dated or regional name it is."""
    return rows.get(id_) or rows.get(_tail.sub("", id_))
