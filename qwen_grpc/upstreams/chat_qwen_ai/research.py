"""What a deep research says of its work before it reports."""

from msgspec import Raw

from qwen_grpc.upstreams.chat_qwen_ai.text import Text
from qwen_grpc.upstreams.chat_qwen_ai.wire import ResearchStep, SearchExtra, part

DONE = "Finished"


class Notes:
    """The plan, the thoughts and the finished steps of a research, as one text in the order in which they came."""

    def __init__(self) -> None:
        self.thoughts: dict[str, Text] = {}
        self._done: set[tuple[int | None, str | None]] = set()
        self._last = ""

    def think(self, phase: str, content: str) -> str:
        """What a thought of that phase says anew."""
        return self._apart(phase, self.thoughts.setdefault(phase, Text()).take(content))

    def search(self, phase: str, extra: Raw) -> str:
        """A line for each step that has finished since; events repeat all steps."""
        lines = []
        for step in part(part(extra, SearchExtra).deep_research, list[ResearchStep]):
            key = (step.index, step.query)
            if (step.status or "").endswith(DONE) and key not in self._done:
                self._done.add(key)
                lines.append(_line(step))
        return self.rest() + self._apart(phase, "\n".join(lines), joint="\n")

    def rest(self) -> str:
        """What is still held back when a thought ends."""
        return "".join(thought.rest() for thought in self.thoughts.values())

    def _apart(self, phase: str, text: str, *, joint: str = "") -> str:
        if not text:
            return ""
        gap = joint if phase == self._last else "\n\n"
        gap, self._last = gap if self._last else "", phase
        return gap + text


def _line(step: ResearchStep) -> str:
    pages = f"{len(step.pages)} page{'' if len(step.pages) == 1 else 's'}"
    return f"Searched the web for {step.query or 'more'}: {pages}."
