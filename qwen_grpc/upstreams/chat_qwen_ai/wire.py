"""The JSON of chat.qwen.ai, as typed structs.

Shapes as the site's own pages sent and received them in September 2026, with
the older forms of 2025 accepted. Only what we use is typed; the rest of an
event is skipped while decoding.
"""

from typing import Annotated, Any, TypeVar

import msgspec
from msgspec import Raw, Struct

T = TypeVar("T")

# What decoding somebody else's JSON raises: wrong forms, broken UTF-8, nesting without end.
UNREADABLE = (ValueError, RecursionError)

# A member that is decoded only where it is needed; absent, or null.
NOTHING = Raw()
_NULL = Raw(b"null")


def said(raw: Raw) -> bool:
    """Whether a raw member is there and not null."""
    return bool(raw) and raw != _NULL


def part(raw: Raw, kind: type[T]) -> T:
    """A raw member, or an empty one when its form is unknown: it only decorates an answer."""
    try:
        return msgspec.json.decode(raw or b"{}", type=kind)
    except UNREADABLE:
        return kind()


class Created(Struct, gc=False):
    """The first event: the ids of the chat, of the stored question and of the answer."""

    chat_id: str = ""
    parent_id: str = ""
    response_id: str = ""


class Delta(Struct, gc=False):
    """One step of an answer. `extra` and `function_call` are decoded only where a phase needs them."""

    content: str | None = None
    phase: str | None = None
    status: str | None = None
    name: str | None = None
    extra: Raw = NOTHING
    function_call: Raw = NOTHING


class Choice(Struct, gc=False):
    """The wrapper of a delta."""

    delta: Delta = msgspec.field(default_factory=Delta)


class Event(Struct, gc=False):
    """One SSE record."""

    choices: tuple[Choice, ...] = ()
    created: Created | None = msgspec.field(default=None, name="response.created")
    info: Raw = msgspec.field(default=NOTHING, name="response.info")
    completed: Raw = msgspec.field(default=NOTHING, name="response.completed")
    response_id: str | None = None
    usage: Raw = NOTHING
    error: Raw = NOTHING
    success: bool | None = None
    data: Raw = NOTHING
    code: Raw = NOTHING


class Cumulative(Struct, gc=False):
    """A list of texts that grows from event to event."""

    content: list[str] = []


class SummaryExtra(Struct, gc=False):
    """`extra` of the phase `thinking_summary`."""

    summary_title: Cumulative | None = None
    summary_thought: Cumulative | None = None


class Page(Struct, gc=False):
    """A page that web search found."""

    url: str | None = None
    title: str | None = None


class ToolResult(Struct, gc=False):
    """Numbered results: the pages of a batch are numbered `used_id - len(docs)` to `used_id - 1`."""

    docs: list[Page] = []
    used_id: int | None = None


class SearchExtra(Struct, gc=False):
    """`extra` of the phases that search and cite, and `response.info` of older streams."""

    web_search_info: list[Page] = []
    tool_result: Raw = NOTHING
    deep_research: Raw = NOTHING


class ResearchStep(Struct, gc=False):
    """A step of a research, in the list `deep_research`; it is done when its status ends in `Finished`."""

    index: int | None = None
    query: str | None = None
    status: str | None = None
    pages: list[Page] = msgspec.field(default_factory=list, name="webSites")


class Reference(Page, gc=False):
    """A page that a report cites as `[[index_number]]`."""

    index_number: int = 0


class References(Struct, gc=False):
    """`deep_research` when the report is done."""

    references: list[Reference] = []


class ErrorExtra(Struct, gc=False):
    """`extra` of a delta whose status is `error`."""

    error: Raw = NOTHING


Count = Annotated[int, msgspec.Meta(ge=0, le=1 << 53)]


class InputDetails(Struct, gc=False):
    """Where prompt tokens came from."""

    cached_tokens: Count | None = None


class OutputDetails(Struct, gc=False):
    """What completion tokens were spent on."""

    reasoning_tokens: Count | None = None


class UsageBlock(Struct, gc=False):
    """Counted tokens; cumulative, the last block of a stream wins."""

    input_tokens: Count = 0
    output_tokens: Count = 0
    total_tokens: Count = 0
    output_tokens_details: OutputDetails | None = None
    prompt_tokens_details: InputDetails | None = None


class Refusal(Struct, gc=False):
    """Why a request was refused. `num` is a number of hours."""

    code: str = ""
    details: str = ""
    num: float | None = None


class Reply(Struct, gc=False):
    """Any JSON answer that is not a stream: an envelope, a challenge, or bare data."""

    success: bool | None = None
    data: Any = None
    ret: list[str] | None = None
    code: Any = None
    details: Any = None
    detail: Any = None
    error: Any = None


class FreshTokens(Struct):
    """What a renewal gives; the refresh token only when it was replaced."""

    access_token: str
    refresh_token: str | None = None


class Renewal(Struct):
    """The answer of the sign-in host to a renewal."""

    data: FreshTokens
