"""What is code in Markdown, seen line by line as the text comes: there, tags are shown and not meant."""

import re

# How much of a line is looked at to tell a fence.
HEAD = 80

_fence = re.compile(r" {0,3}(`{3,}|~{3,})(.*)", re.DOTALL)


class Code:
    """Follows a text; `inside` says whether what comes next is code.

    Code is what stands in a fenced block, and what stands behind an odd number
    of backticks in its line. A fence that is never closed lasts to the end.
    """

    def __init__(self) -> None:
        self._open = ""
        self._head = ""
        self._ticks = 0

    @property
    def inside(self) -> bool:
        """Whether the next character is code."""
        return bool(self._open) or self._ticks % 2 == 1

    def follow(self, text: str) -> None:
        """Takes the next piece of the text."""
        *ended, last = text.split("\n")
        for line in ended:
            self._grow(line)
            self._end()
        self._grow(last)

    def _grow(self, piece: str) -> None:
        if len(self._head) < HEAD:
            self._head += piece[: HEAD - len(self._head)]
        self._ticks += piece.count("`")

    def _end(self) -> None:
        if found := _fence.match(self._head):
            run, rest = found.groups()
            if not self._open and not (run[0] == "`" and "`" in rest):
                self._open = run
            elif self._open and run.startswith(self._open) and not rest.strip():
                self._open = ""
        self._head, self._ticks = "", 0
