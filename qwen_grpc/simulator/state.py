"""What the simulated Qwen remembers: users, chats, the running answers, and a record of all that happened to it."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import time
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from typing import Any, Literal, TypeVar
from uuid import uuid4

import msgspec

from qwen_grpc.simulator.behaviour import Behaviour
from qwen_grpc.simulator.dashscope.state import DashScope
from qwen_grpc.simulator.engine.state import Engines
from qwen_grpc.simulator.stored import StoredFile, VideoTask

Clock = Callable[[], float]
NewId = Callable[[], str]
Row = TypeVar("Row")

RECORD_LIMIT = 20_000
REFRESH_TTL_S = 30 * 24 * 3600
PASSWORD_CHANGED_AT = 1_750_660_873


@dataclass(slots=True)
class User:
    """An account; it comes into being when a token first names it."""

    id: str
    used: dict[str, int] = field(default_factory=dict)


@dataclass(slots=True)
class Part:
    """What one phase contributed to a stored answer."""

    phase: str
    texts: list[str] = field(default_factory=list)
    extra: dict[str, Any] = field(default_factory=dict)

    @property
    def text(self) -> str:
        """The text of the phase, with surrogate pairs that came in two halves joined again."""
        joined = "".join(self.texts)
        return joined.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")


@dataclass(slots=True)
class Message:
    """A message of a chat's tree; answers keep their text in `parts`, one per phase."""

    id: str
    role: Literal["user", "assistant"]
    parent_id: str | None
    model: str
    chat_type: str
    sub_chat_type: str
    timestamp: int
    content: str = ""
    feature_config: dict[str, Any] = field(default_factory=dict)
    children: list[str] = field(default_factory=list)
    parts: list[Part] = field(default_factory=list)
    done: bool = True
    is_stop: bool = False
    files: list[dict[str, Any]] = field(default_factory=list)
    extra: dict[str, Any] = field(default_factory=dict)

    def hear(self, phase: str, text: str, extra: dict[str, Any] | None) -> None:
        """Add what an event said to the part of its phase."""
        if not self.parts or self.parts[-1].phase != phase:
            self.parts.append(Part(phase))
        if text:
            self.parts[-1].texts.append(text)
        if extra:
            self.parts[-1].extra.update(extra)

    @property
    def answer(self) -> str:
        """The text that the person reads, without the thinking."""
        return "".join(part.text for part in self.parts if part.phase in ("answer", "ReportGeneration"))


@dataclass(slots=True)
class Generation:
    """An answer that is being written; `stop` ends it early."""

    message: Message
    stop: asyncio.Event = field(default_factory=asyncio.Event)


@dataclass(slots=True)
class Chat:
    """A stored conversation: a tree of messages of which `current_id` is the newest leaf."""

    id: str
    user_id: str
    chat_type: str
    mode: str
    models: list[str]
    created_at: int
    updated_at: int
    project_id: str | None = None
    title: str = "New chat"
    current_id: str = ""
    messages: dict[str, Message] = field(default_factory=dict)
    generation: Generation | None = None

    def add(self, message: Message) -> None:
        """Hang a message under its parent and make it the leaf."""
        if message.parent_id:
            self.messages[message.parent_id].children.append(message.id)
        self.messages[message.id] = message
        self.current_id = message.id


@dataclass(frozen=True, slots=True)
class Arrived:
    """A request as it came in; `at` is a monotonic time in seconds."""

    method: str
    path: str
    query: str
    headers: dict[str, str]
    body: bytes
    at: float

    @property
    def json(self) -> Any:
        """The body, read as JSON."""
        return msgspec.json.decode(self.body)


@dataclass(slots=True)
class StreamRecord:
    """How one completion went on the wire; times are monotonic seconds, `outcome` is empty while it runs."""

    chat_id: str
    response_id: str
    scenario: str
    opened_at: float
    closed_at: float | None = None
    outcome: Literal["", "finished", "client_gone", "reset"] = ""
    events_sent: int = 0


@dataclass(frozen=True, slots=True)
class StopCall:
    """A call of the stop route; `stopped` is false when there was nothing left to stop."""

    chat_id: str
    response_id: str
    stopped: bool
    at: float


def _segment(value: bytes) -> bytes:
    return base64.urlsafe_b64encode(value).rstrip(b"=")


def _jwt(claims: dict[str, Any], serial: int) -> str:
    # Nobody checks the signature; the serial only keeps two tokens of the same second apart.
    head = _segment(msgspec.json.encode({"alg": "HS256", "kid": "legacy", "typ": "JWT"}))
    signed = head + b"." + _segment(msgspec.json.encode(claims))
    return (signed + b"." + _segment(hmac.digest(b"simulator-%d" % serial, signed, hashlib.sha256))).decode()


def make_token(user_id: str, ttl_s: float = 900, *, now: Clock = time.time, serial: int = 0) -> str:
    """An access token with the claims of the live service; a negative `ttl_s` makes one that has expired."""
    issued = int(now())
    claims = {"id": user_id, "last_password_change": PASSWORD_CHANGED_AT, "type": "access_token"}
    return _jwt({**claims, "exp": issued + int(ttl_s), "iat": issued}, serial)


def make_refresh_token(user_id: str, *, now: Clock = time.time, serial: int = 0) -> str:
    """A refresh token that lives 30 days; to its holder it is opaque."""
    return _jwt({"id": user_id, "type": "refresh_token", "exp": int(now()) + REFRESH_TTL_S}, serial)


def make_output_key(claims: dict[str, Any], ttl_s: float, *, now: Clock = time.time) -> str:
    """The key in the address of a made file; a negative `ttl_s` makes one that has expired."""
    return _jwt({**claims, "type": "output_key", "exp": int(now()) + int(ttl_s)}, 0)


def claims_of(token: str) -> dict[str, Any]:
    """The claims of a token without looking at its signature; empty when it is no JWT with an `id`."""
    try:
        payload = token.split(".")[1].encode()
        claims = msgspec.json.decode(base64.urlsafe_b64decode(payload + b"=" * (-len(payload) % 4)))
    except (IndexError, ValueError, msgspec.DecodeError):
        return {}
    return claims if isinstance(claims, dict) and claims.get("id") else {}


class Simulator:
    """A running simulated Qwen: its switches, its memory and its record of what callers did.

    `url` serves the paths of chat.qwen.ai, of auth.qwen.ai and of DashScope, whose memory is `dashscope`, and below
    `/engine/` those of own engines, whose memory is `engine`. `new_id` and `now` (epoch seconds) make its answers
    repeatable.
    """

    def __init__(self, behaviour: Behaviour, new_id: NewId, now: Clock) -> None:
        self.url = ""
        self.behaviour = behaviour
        self.new_id = new_id
        self.now = now
        self.stopping = False
        self._ended = asyncio.Event()
        self._tasks: set[asyncio.Task[None]] = set()
        self.dashscope = DashScope()
        self.engine = Engines()
        self.reset()

    def reset(self) -> None:
        """Forget users, chats, files, tasks and the record; the behaviour stays as it is."""
        self.users: dict[str, User] = {}
        self.chats: dict[str, Chat] = {}
        self.requests: list[Arrived] = []
        self.streams: list[StreamRecord] = []
        self.stops: list[StopCall] = []
        self.tasks: dict[str, VideoTask] = {}
        self.files: dict[str, StoredFile] = {}
        self.refreshes = 0
        self.posts = 0
        self.spent_refresh_tokens: set[str] = set()
        self.dashscope = DashScope(self.dashscope.behaviour)
        self.engine = Engines(self.engine.behaviour)

    def user(self, user_id: str) -> User:
        """The user of that id, made on the fly."""
        return self.users.setdefault(user_id, User(user_id))

    def arrived(self, request: Arrived) -> None:
        """Record a request; the oldest are forgotten when the record becomes very long."""
        _append(self.requests, request)

    def opened(self, chat_id: str, response_id: str, scenario: str) -> StreamRecord:
        """Record that a completion began."""
        record = StreamRecord(chat_id, response_id, scenario, time.monotonic())
        _append(self.streams, record)
        return record

    def closed(self, record: StreamRecord, outcome: Literal["finished", "client_gone", "reset"]) -> None:
        """Record how a completion ended; only the first call counts."""
        if not record.outcome:
            record.outcome, record.closed_at = outcome, time.monotonic()
            self._ended.set()

    def in_background(self, work: Coroutine[Any, Any, None]) -> None:
        """Run work that outlives its request and ends with the simulator at the latest."""
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def stop_background(self) -> None:
        """End all background work."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def hang_ups(self, count: int = 1, within: float = 1.0) -> int:
        """How many streams their client left; waits up to `within` seconds until there are at least `count`."""
        deadline = time.monotonic() + within
        while (gone := self._gone()) < count and (left := deadline - time.monotonic()) > 0:
            self._ended.clear()
            await happens(self._ended.wait(), left)
        return gone

    def _gone(self) -> int:
        return sum(1 for record in self.streams if record.outcome == "client_gone")


async def happens(work: Coroutine[Any, Any, Any], within: float) -> bool:
    """Whether the work is done within so many seconds."""
    try:
        await asyncio.wait_for(work, within)
    except TimeoutError:
        return False
    return True


def _append(rows: list[Row], row: Row) -> None:
    rows.append(row)
    if len(rows) > RECORD_LIMIT:
        del rows[: RECORD_LIMIT // 2]


def real_id() -> str:
    """A random id as the service makes them."""
    return str(uuid4())
