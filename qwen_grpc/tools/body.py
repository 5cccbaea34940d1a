"""Where the JSON of a call ends, seen mark by mark while it comes."""

import re
from enum import Enum

from qwen_grpc.tools.markup import CALL, CALL_END

# What decides. A backslash takes the character behind it along; that of a tag is none that may be escaped.
MARK = re.compile(rf'{CALL}|{CALL_END}|\\[^<]|["{{}}\[\]\n]')


class Verdict(Enum):
    """How a call ended: with its JSON, by a closing tag before that, or in a way that shows that it is none."""

    WHOLE = "whole"
    CUT = "cut"
    BROKEN = "broken"


class Body:
    """Follows brackets and strings.

    In a string the tags are text like any other, unless a raw line break and a closing tag are in the same one: no
    JSON has the former, so the string was never closed.
    """

    def __init__(self) -> None:
        self._depth = 0
        self._in_string = False
        self._odd: set[str] = set()

    def take(self, mark: str) -> Verdict | None:
        """What the next mark means for the call; None while it goes on."""
        if self._in_string:
            return self._in(mark)
        match mark:
            case '"':
                self._in_string = True
            case "{" | "[":
                self._depth += 1
            case "}" | "]":
                self._depth -= 1
                return None if self._depth else Verdict.WHOLE
            case _ if mark == CALL_END:
                return Verdict.CUT
            case _ if mark != "\n":
                # Another call begins, or something is escaped where there is no string.
                return Verdict.BROKEN
            case _:
                pass
        return None

    def _in(self, mark: str) -> Verdict | None:
        if mark == '"':
            self._in_string = False
            self._odd.clear()
        elif mark in ("\n", CALL_END):
            self._odd.add(mark)
        return Verdict.BROKEN if len(self._odd) > 1 else None
