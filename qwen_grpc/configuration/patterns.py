"""What patterns of names have to do with each other. Here, as in shells, `*` stands for any text."""

import re
from fnmatch import fnmatchcase

_WILD = re.compile(r"[*?\[]")
_MORE_THAN_STARS = re.compile(r"[?\[]")


def covers(wide: str, narrow: str) -> bool:
    """Whether everything that fits the second pattern fits the first one too; False when that cannot be told."""
    if _MORE_THAN_STARS.search(wide):
        return wide == narrow
    # A star of the second one is a character like others, that only a star of the first one takes.
    return fnmatchcase(narrow, wide)


def begin_alike(one: str, other: str) -> bool:
    """Whether what is fixed at the beginning of both agrees."""
    begin, end = _beginning(one), _beginning(other)
    return begin.startswith(end) or end.startswith(begin)


def _beginning(pattern: str) -> str:
    return _WILD.split(pattern, maxsplit=1)[0]
