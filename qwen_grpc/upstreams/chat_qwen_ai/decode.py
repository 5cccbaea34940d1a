"""From the site's events to deltas."""

import json
from collections.abc import Callable, Iterable, Sequence

import msgspec

from qwen_grpc.errors import QwenError, UpstreamEmpty, UpstreamProtocol, UpstreamTruncated
from qwen_grpc.upstreams.chat_qwen_ai.citations import Sources
from qwen_grpc.upstreams.chat_qwen_ai.refusals import SITE, refused_event
from qwen_grpc.upstreams.chat_qwen_ai.research import Notes
from qwen_grpc.upstreams.chat_qwen_ai.shown import Shown
from qwen_grpc.upstreams.chat_qwen_ai.text import Pairing, Text, grown
from qwen_grpc.upstreams.chat_qwen_ai.wire import (
    NOTHING,
    UNREADABLE,
    Created,
    Delta,
    ErrorExtra,
    Event,
    SearchExtra,
    SummaryExtra,
    UsageBlock,
    part,
    said,
)
from qwen_grpc.upstreams.clocks import Work
from qwen_grpc.v1.chat_pb2 import FINISH_REASON_STOP, ChatDelta, StreamChatResponse
from qwen_grpc.v1.common_pb2 import Usage

_event = msgspec.json.Decoder(Event)

# The phases that show a picture; the first two in turns for pictures, all of them by built-in tools.
PICTURE_PHASES = ("image_gen", "image_edit", "image_gen_tool", "image_edit_tool", "generate_image", "image")


class Answer:
    """One answer while it arrives: feed it the events, take the deltas.

    The turn is over when the phase `answer` says `finished`; other phases say
    it of themselves, and the connection's end says nothing. Reasoning
    summaries and usage are cumulative, answer text comes in increments.

    A `drawing` turn was asked for nothing but a picture: it is over, too, when
    a picture phase says `finished` and a picture was shown, or when the
    connection ends. What it may be silent for is its
    `work`: a research takes minutes without a word. One that is
    `cut` is over for us, while the site goes on.
    """

    def __init__(self, shown: Shown | None = None, *, drawing: bool = False, work: Work = Work.THINKING) -> None:
        self.shown = shown or Shown(f"https://{SITE}")
        self.drawing = drawing
        self.work = work
        self.created = Created()
        self.finished = self.cut = False
        self.sources = Sources()
        self.text = Text()
        self._reasoning = ""
        self._notes = Notes()
        self._usage = NOTHING
        self._phase = ""
        self._pairing = Pairing()

    @property
    def over(self) -> bool:
        """Whether nothing more will come: what the site sends behind the end of an answer is of no use."""
        return self.finished

    def decode(self, data: Sequence[bytes], message: StreamChatResponse) -> None:
        """Adds the events of one read to a message.

        Raises what the upstream says went wrong, and `UpstreamProtocol` for
        what is not JSON; what came before is then in the message.
        """
        for payload in data:
            if payload != b"[DONE]" and not self.finished:
                self._take(self._event(payload), message)

    def flush(self, message: StreamChatResponse) -> None:
        """Adds text that was held back."""
        self._flush_notes(message)
        if rest := self.text.rest():
            message.deltas.add(content=rest)

    def _flush_notes(self, message: StreamChatResponse) -> None:
        if rest := self._notes.rest():
            message.deltas.add(reasoning_content=rest)

    def broken(self) -> QwenError:
        """Why a stream that ended without a finish is a failure."""
        if not self._phase:
            return UpstreamEmpty(f"{SITE} answered with nothing: its format changed, or a check stands before it")
        return UpstreamTruncated(f"{SITE} ended its answer without a finish reason; what came is incomplete")

    def end(self, message: StreamChatResponse) -> None:
        """Adds what comes last: citations, the finish reason, usage. Raises `UpstreamEmpty` for an empty answer."""
        self.flush(message)
        if not self._phase and not self.shown.urls:
            raise self.broken()
        self._show(message)
        if annotations := self.sources.annotations(self.text.whole()):
            message.deltas.add(annotations=annotations)
        pictures = self.shown.parts() if self.shown.urls else ""
        message.deltas.add(finish_reason=FINISH_REASON_STOP, extra_json=pictures)
        if (block := part(self._usage, UsageBlock)) != UsageBlock():
            message.usage.CopyFrom(counted(block))

    def recall(self, phases: Iterable[Delta], message: StreamChatResponse) -> None:
        """Adds an answer as it is stored: each phase whole, in one delta. A phase that failed says nothing."""
        for phase in phases:
            if phase.status != "error":
                self._step(phase, message)
        if self._phase or self.shown.urls:
            self.end(message)

    def _show(self, message: StreamChatResponse) -> None:
        """Adds the pictures as Markdown, behind the text: whoever shows the text then shows them."""
        if self.shown.urls:
            before = "\n\n" if self.text.whole() else ""
            message.deltas.add(content=self.text.append(before + self.shown.markdown()))

    def _event(self, payload: bytes) -> Event:
        try:
            return _event.decode(payload)
        except UNREADABLE:
            # The decoder refuses half of a surrogate pair; the standard library does not.
            return self._odd_event(payload)

    def _odd_event(self, payload: bytes) -> Event:
        try:
            value = self._pairing.mend(json.loads(payload))
            return _event.decode(msgspec.json.encode(value)) if isinstance(value, dict) else Event()
        except UNREADABLE as error:
            raise UpstreamProtocol(f"{SITE} sent an event that is not JSON of the known form") from error

    def _take(self, event: Event, message: StreamChatResponse) -> None:
        if said(event.usage):
            self._usage = event.usage
        if event.choices:
            self._step(event.choices[0].delta, message)
        elif event.created is not None:
            self.created = event.created
        elif said(event.error) or event.success is False:
            raise refused_event(event)
        elif said(event.info):
            self.sources.add(part(event.info, SearchExtra))
        elif event.completed:
            self.finished = True

    def _step(self, delta: Delta, message: StreamChatResponse) -> None:
        if delta.status == "error":
            raise refused_event(Event(error=part(delta.extra, ErrorExtra).error))
        phase = delta.phase or ("answer" if delta.name is None else delta.name)
        _PHASES.get(phase, Answer._activity)(self, phase, delta, message)

    def _answer(self, phase: str, delta: Delta, message: StreamChatResponse) -> None:
        self._report(phase, delta, message)
        self.finished = delta.status == "finished"

    def _report(self, phase: str, delta: Delta, message: StreamChatResponse) -> None:
        """Text of a phase whose `finished` is not the end, and the references of a report."""
        if self._notes.thoughts:
            self._flush_notes(message)
        if delta.extra:
            self._learn(delta)
        if delta.content and (text := self.text.take(delta.content)):
            self._delta(phase, message).content = text

    def _think(self, phase: str, delta: Delta, message: StreamChatResponse) -> None:
        if delta.content:
            self._delta(phase, message).reasoning_content = delta.content

    def _summary(self, phase: str, delta: Delta, message: StreamChatResponse) -> None:
        thought = part(delta.extra, SummaryExtra).summary_thought
        text = "\n\n".join(thought.content) if thought else ""
        # After another phase the thoughts may go on, or begin anew.
        goes_on = phase == self._phase or not text or text.startswith(self._reasoning)
        if new := grown(self._reasoning, text) if goes_on else "\n\n" + text:
            self._delta(phase, message).reasoning_content = new
            self._reasoning = text
        elif phase != self._phase:
            self._delta(phase, message)

    def _picture(self, phase: str, delta: Delta, message: StreamChatResponse) -> None:
        self.shown.take(delta, self.created.chat_id)
        if self.drawing and delta.status == "finished" and self.shown.urls:
            self.finished = True
        if phase != self._phase:
            self._delta(phase, message)

    def _activity(self, phase: str, delta: Delta, message: StreamChatResponse) -> None:
        self._learn(delta)
        if phase != self._phase:
            self._delta(phase, message)

    def _plan(self, phase: str, delta: Delta, message: StreamChatResponse) -> None:
        """Thoughts of a research: increments or snapshots."""
        self._note(phase, self._notes.think(phase, delta.content or ""), message)

    def _search(self, phase: str, delta: Delta, message: StreamChatResponse) -> None:
        """Steps of a research: each event repeats them all."""
        self._learn(delta)
        self._note(phase, self._notes.search(phase, delta.extra), message)

    def _note(self, phase: str, text: str, message: StreamChatResponse) -> None:
        if text:
            self._delta(phase, message).reasoning_content = text
        elif phase != self._phase:
            self._delta(phase, message)

    def _learn(self, delta: Delta) -> None:
        if said(delta.extra):
            self.sources.add(part(delta.extra, SearchExtra))

    def _nothing(self, phase: str, delta: Delta, message: StreamChatResponse) -> None:
        """A sign of life."""

    def _delta(self, phase: str, message: StreamChatResponse) -> ChatDelta:
        step = message.deltas.add()
        if phase != self._phase:
            step.phase = self._phase = phase
        return step


# Phases as seen on the site until October 2026. A phase that is not here is activity:
# its name is passed on, its content is never taken for the answer.
_PHASES: dict[str, Callable[[Answer, str, Delta, StreamChatResponse], None]] = {
    "answer": Answer._answer,
    "ReportGeneration": Answer._report,
    "deep_research_answer": Answer._report,
    "slides": Answer._report,
    "think": Answer._think,
    **dict.fromkeys(("ResearchNotice", "ResearchPlanning", "DeepThinking"), Answer._plan),
    "WebResearch": Answer._search,
    **dict.fromkeys(PICTURE_PHASES, Answer._picture),
    "thinking_summary": Answer._summary,
    "KeepAlive": Answer._nothing,
    "finished": Answer._nothing,
    "InterruptReceived": Answer._nothing,
}


def counted(block: UsageBlock) -> Usage:
    """The site's counts as ours."""
    usage = Usage(
        prompt_tokens=block.input_tokens,
        completion_tokens=block.output_tokens,
        total_tokens=block.total_tokens or block.input_tokens + block.output_tokens,
    )
    if block.prompt_tokens_details and block.prompt_tokens_details.cached_tokens is not None:
        usage.cached_tokens = block.prompt_tokens_details.cached_tokens
    if block.output_tokens_details and block.output_tokens_details.reasoning_tokens is not None:
        usage.reasoning_tokens = block.output_tokens_details.reasoning_tokens
    return usage
