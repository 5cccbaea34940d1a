"""Reads, writes and plays golden cases. README.md says what is in one."""

import json
import os
import re
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from google.protobuf import text_format
from google.protobuf.message import Message

# The text form of a status shows the details of the kinds that are imported.
from google.rpc import error_details_pb2  # noqa: F401
from raw_server import LAST_CHUNK, STREAM_HEAD, RawServer, Script, answer, chunk, raw_server

from qwen_grpc.v1.chat_pb2 import StreamChatResponse

AnyMessage = TypeVar("AnyMessage", bound=Message)

GOLDEN = Path(__file__).parent
# When every answer is given, in epoch seconds.
NOW = 1790356323
ALWAYS = ("models", "new_chat", "goodbye")


@dataclass(frozen=True)
class Case:
    """A folder of numbered files, one per hop."""

    folder: Path

    @property
    def turns(self) -> list["Case"]:
        """The turns of the conversation: those before, if there are any, and this one."""
        if not self.has("0_turn_before.txt"):
            return [self]
        return [*Case(self.folder.parent / self.read("0_turn_before.txt").strip()).turns, self]

    @property
    def rest_request(self) -> dict[str, Any]:
        """The question by a client that wants a stream."""
        return json.loads(self.read("1_rest_request.json"))

    @property
    def whole_request(self) -> dict[str, Any]:
        """The same question by a client that waits for the whole answer."""
        streaming = ("stream", "stream_options")
        return {name: value for name, value in self.rest_request.items() if name not in streaming}

    def has(self, name: str) -> bool:
        return (self.folder / name).exists()

    def read(self, name: str) -> str:
        return (self.folder / name).read_bytes().decode()

    def expect(self, name: str, made: str | None) -> None:
        """Holds what a hop made against the file, or writes the file anew. None: there is no such file."""
        if os.environ.get("GOLDEN") == "write":
            (self.folder / name).unlink(missing_ok=True)
            if made is not None:
                (self.folder / name).write_bytes(made.encode())
        assert made == (self.read(name) if self.has(name) else None)


CASES = [Case(found.parent) for found in sorted(GOLDEN.glob("chat/*/1_rest_request.json"))]


# -- Qwen's side ------------------------------------------------------------------------------------------------------


@asynccontextmanager
async def qwen(case: Case) -> AsyncIterator[RawServer]:
    """A server that says, byte for byte, what Qwen says in this case; it agrees to all that comes after."""
    models, new_chat, goodbye = ([_whole(GOLDEN / "always" / f"{name}.json")] for name in ALWAYS)
    replies = (_reply(turn) for turn in case.turns)
    async with raw_server(models, *upload_replies(case), new_chat, *replies, goodbye) as server:
        yield server


def upload_replies(case: Case) -> list[Script]:
    """The keys, the object store's yes, which has no body, and what is said of a document; none without a file."""
    replies: list[Script] = [[_whole(path)] for path in sorted(case.folder.glob("4_qwen_upload_*.json"))]
    return [*replies[:1], [answer(b"")], *replies[1:]] if replies else []


def _reply(case: Case) -> Script:
    path = case.folder / "4_qwen_reply.sse"
    if not path.exists():
        return [_whole(path.with_suffix(".json"))]
    return [STREAM_HEAD, *map(chunk, path.read_bytes().splitlines(keepends=True)), LAST_CHUNK]


def _whole(path: Path) -> bytes:
    return answer(path.read_bytes(), b"Content-Type: application/json")


def asked(server: RawServer) -> list[bytes]:
    """The completions that Qwen was asked for."""
    return [request for request in server.requests if request.startswith(b"POST /api/v2/chat/completions?")]


# -- readable forms ---------------------------------------------------------------------------------------------------


def pretty(value: Any) -> str:
    """JSON for people; members keep their order."""
    return json.dumps(value, indent=2, ensure_ascii=False) + "\n"


def with_named_ids(text: str) -> str:
    """Random ids become `uuid-1`, `uuid-2` and so on. The ids of the cases are full of zeros, and stay."""
    random_id = re.compile(r"(?!.0{7})[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
    names: dict[str, str] = {}
    return random_id.sub(lambda found: names.setdefault(found[0], f"uuid-{len(names) + 1}"), text)


def with_named_calls(text: str) -> str:
    """Random ids of tool calls become 1, 2 and so on, with zeros before them."""
    names: dict[str, str] = {}
    return re.sub(r"call_[0-9a-f]{24}", lambda found: names.setdefault(found[0], f"call_{len(names) + 1:024x}"), text)


def at_the_fixed_time(text: str) -> str:
    """The JSON of an answer as if it had been given at `NOW`, with the ids of its calls named."""
    return with_named_calls(re.sub(r'"created":\d+', f'"created":{NOW}', text))


def failure(status: int, headers: Any, body: Any) -> str:
    """A refusal over HTTP, with the headers that say whether and when to try again."""
    told = {name: headers[name] for name in ("x-should-retry", "retry-after") if name in headers}
    return pretty({"status": status, "headers": told, "body": body})


def shown(*messages: Message) -> str | None:
    """Messages as text, each under its type's name; None when there is none."""
    texts = [_title(message) + text_format.MessageToString(message, as_utf8=True) for message in messages]
    return "\n".join(texts) or None


def parsed(kind: type[AnyMessage], text: str) -> list[AnyMessage]:
    """The inverse of `shown`."""
    return [text_format.Parse(part, kind()) for part in text.split(_title(kind))[1:]]


def _title(message: Message | type[Message]) -> str:
    return f"# {message.DESCRIPTOR.full_name}\n"


def one_by_one(messages: Iterable[StreamChatResponse]) -> list[StreamChatResponse]:
    """The same stream with one delta in each message. How many share one is up to the network, and means nothing."""
    steps: list[StreamChatResponse] = []
    for message in messages:
        found = [StreamChatResponse(deltas=[delta]) for delta in message.deltas]
        steps += found
        if message.HasField("start"):
            found[0].start.CopyFrom(message.start)
        if message.HasField("usage"):
            steps[-1].usage.CopyFrom(message.usage)
    return steps
