"""Most tokens of an answer, where the upstream knows no limit and counts what it has written."""

from dataclasses import dataclass


@dataclass(slots=True)
class TokenLimit:
    """Says where an answer has to end, by running counts of the upstream; 0 is no limit.

    `total` is `max_completion_tokens`. `answer` is `max_tokens`, which does not
    count what was thought before the first word.
    """

    total: int = 0
    answer: int = 0
    _thought: int = 0

    def __bool__(self) -> bool:
        return bool(self.total or self.answer)

    def passed(self, counted: int, *, answering: bool) -> bool:
        """Whether so many tokens are too many; `answering` when some of them are words of the answer."""
        if not answering:
            self._thought = counted
        over = counted > self.total > 0
        return over or counted - self._thought > self.answer > 0
