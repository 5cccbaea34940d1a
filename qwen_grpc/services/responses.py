"""ResponsesService."""

import re
import time
import uuid
from collections.abc import Callable

from google.protobuf.timestamp_pb2 import Timestamp

from qwen_grpc.calls import Context
from qwen_grpc.errors import InvalidParameter, NotFound, TooLarge
from qwen_grpc.ledger import Kept, Progress, Responses
from qwen_grpc.ledger.responses import KEPT_S, LEASE_S, End
from qwen_grpc.routing.router import Router
from qwen_grpc.services.background import Background
from qwen_grpc.services.caller import caller
from qwen_grpc.services.once import Done, Once
from qwen_grpc.services.turns import Turns
from qwen_grpc.v1 import responses_pb2 as pb
from qwen_grpc.v1.responses_pb2_grpc import ResponsesServiceServicer

MAX_BYTES = 16 << 20
STATES: dict[Progress, pb.ResponseState] = {
    Progress.QUEUED: pb.RESPONSE_STATE_QUEUED,
    Progress.RUNNING: pb.RESPONSE_STATE_RUNNING,
    Progress.SUCCEEDED: pb.RESPONSE_STATE_SUCCEEDED,
    Progress.FAILED: pb.RESPONSE_STATE_FAILED,
    Progress.CANCELLED: pb.RESPONSE_STATE_CANCELLED,
}
_id = re.compile(r"resp_[0-9A-Za-z]{16,64}")


class ResponsesService(ResponsesServiceServicer):
    """Answers in the ledger, each its owner's alone."""

    def __init__(
        self,
        router: Router,
        turns: Turns,
        once: Once,
        responses: Responses,
        *,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._router = router
        self._turns = turns
        self._once = once
        self._owners = once.owners
        self._responses = responses
        self._background = Background(turns, responses)
        self._now = now

    async def close(self) -> None:
        """Ends the work that belongs to no call."""
        await self._background.close()

    async def SaveResponse(self, request: pb.SaveResponseRequest, context: Context) -> pb.SaveResponseResponse:
        """Keeps an answer."""
        check_id(request.id)
        if not request.answer.choices:
            raise InvalidParameter("answer is missing: keep an answer once it is complete", field="answer")
        now = self._now()
        kept = self._row(request, await self._owner(context), now)
        await self._responses.add(kept)
        return pb.SaveResponseResponse(response=shown(kept, whole=False))

    async def BeginResponse(self, request: pb.BeginResponseRequest, context: Context) -> pb.BeginResponseResponse:
        """Begins an answer that nobody waits for."""
        if request.id:
            check_id(request.id)
        self._turns.check(request.request)
        who = caller(context, self._router)
        owner = await self._owners.of(who)
        self._background.check_room()
        now = self._now()
        kept = Kept(
            id=request.id or f"resp_{uuid.uuid4().hex}", owner=owner, state=Progress.QUEUED, background=True,
            request=_encoded(request.request.SerializeToString()), answer=b"", dialect_json=request.dialect_json,
            reason="", message="", created_at=now, completed_at=None, expires_at=now + KEPT_S,
            alive_until=now + LEASE_S,
        )  # fmt: skip
        await self._responses.add(kept)
        self._background.begin(kept, request.request, who)
        return pb.BeginResponseResponse(response=shown(kept, whole=False))

    async def GetResponse(self, request: pb.GetResponseRequest, context: Context) -> pb.GetResponseResponse:
        """What is kept."""
        return pb.GetResponseResponse(response=shown(await self._own(request.response_id, context)))

    async def CancelResponse(self, request: pb.CancelResponseRequest, context: Context) -> pb.CancelResponseResponse:
        """Stops an answer that is being made; does nothing to one that has ended."""
        kept = await self._own(request.response_id, context)
        if not kept.background:
            text = "this response was not begun in the background: its own call makes it, and ends it"
            raise InvalidParameter(text, field="response_id")
        if not kept.state.final:
            await self._responses.end(kept, End(Progress.CANCELLED))
            self._background.stop(kept.owner, kept.id)
        return pb.CancelResponseResponse(response=shown(await self._responses.get(kept.owner, kept.id)))

    async def DeleteResponse(self, request: pb.DeleteResponseRequest, context: Context) -> pb.DeleteResponseResponse:
        """Forgets an answer."""
        _check_named(request.response_id)
        who = caller(context, self._router)
        owner = await self._owners.of(who)

        async def work() -> Done[pb.DeleteResponseResponse]:
            found = await self._responses.delete(owner, request.response_id)
            self._background.stop(owner, request.response_id)
            if not found and not request.allow_missing:
                raise NotFound("there is no such response under this account", field="response_id")
            return Done(pb.DeleteResponseResponse())

        return await self._once.call(request, context, who, work, pb.DeleteResponseResponse)

    async def _owner(self, context: Context) -> str:
        return await self._owners.of(caller(context, self._router))

    async def _own(self, response_id: str, context: Context) -> Kept:
        _check_named(response_id)
        return await self._responses.get(await self._owner(context), response_id)

    def _row(self, request: pb.SaveResponseRequest, owner: str, now: float) -> Kept:
        seconds = request.keep_for.ToNanoseconds() / 1e9 if request.HasField("keep_for") else KEPT_S
        if not 0 < seconds <= KEPT_S:
            raise InvalidParameter(f"keep_for is {seconds:g} s: expected up to {KEPT_S:g} s", field="keep_for")
        return Kept(
            id=request.id, owner=owner, state=Progress.SUCCEEDED, background=False,
            request=_encoded(request.request.SerializeToString()), answer=request.answer.SerializeToString(),
            dialect_json=request.dialect_json, reason="", message="", created_at=now, completed_at=now,
            expires_at=now + seconds, alive_until=now,
        )  # fmt: skip


def check_id(id_: str) -> None:
    """Raises `InvalidParameter` for a name that a response cannot have."""
    if not _id.fullmatch(id_):
        text = "id is no name for a response: expected resp_ and 16 to 64 letters or digits that nobody can guess"
        raise InvalidParameter(text, field="id")


def shown(kept: Kept, *, whole: bool = True) -> pb.Response:
    """An answer as its owner sees it; not `whole` is without what the owner has just sent."""
    found = pb.Response(
        id=kept.id,
        state=STATES[kept.state],
        background=kept.background,
        create_time=_moment(kept.created_at),
        expire_time=_moment(kept.expires_at),
        dialect_json=kept.dialect_json,
    )
    if kept.completed_at is not None:
        found.complete_time.CopyFrom(_moment(kept.completed_at))
    if kept.reason:
        found.error.reason, found.error.message = kept.reason, kept.message
    if whole:
        found.request.ParseFromString(kept.request)
    if whole and kept.state is Progress.SUCCEEDED:
        found.answer.ParseFromString(kept.answer)
    return found


def _moment(seconds: float) -> Timestamp:
    found = Timestamp()
    found.FromMilliseconds(int(seconds * 1000))
    return found


def _encoded(message: bytes) -> bytes:
    if len(message) > MAX_BYTES:
        raise TooLarge(f"a request of more than {MAX_BYTES >> 20} MiB cannot be kept; send its media as files")
    return message


def _check_named(response_id: str) -> None:
    if not response_id:
        raise InvalidParameter("response_id is missing: name a response that is kept", field="response_id")
