"""ChatsService."""

from contextlib import aclosing

from qwen_grpc.calls import Context
from qwen_grpc.errors import InvalidParameter, NotFound
from qwen_grpc.routing.lanes import Lane
from qwen_grpc.routing.router import Router
from qwen_grpc.services.caller import caller
from qwen_grpc.services.once import Done, Once
from qwen_grpc.services.shelf import Mark, Shelf, read_token
from qwen_grpc.v1.chats_pb2 import (
    DeleteChatRequest,
    DeleteChatResponse,
    GetChatRequest,
    GetChatResponse,
    ListChatsRequest,
    ListChatsResponse,
    PurgeChatsRequest,
    PurgeChatsResponse,
)
from qwen_grpc.v1.chats_pb2_grpc import ChatsServiceServicer

PAGE = 20
MAX_PAGE = 100


class ChatsService(ChatsServiceServicer):
    """The chats stored under the caller's account, by the credential in the call and by no other."""

    def __init__(self, router: Router, once: Once) -> None:
        self._router = router
        self._once = once

    async def ListChats(self, request: ListChatsRequest, context: Context) -> ListChatsResponse:
        """The chats without their messages, page by page."""
        size, after = _size(request.page_size), read_token(request.page_token)
        answer, last = ListChatsResponse(), Mark()
        async with aclosing(self._shelf(context).chats(after)) as chats:
            async for mark, chat in chats:
                if len(answer.chats) == size:
                    # One more is looked at, so that the last page is known to be the last.
                    answer.next_page_token = last.token
                    break
                answer.chats.append(chat)
                last = mark
        return answer

    async def GetChat(self, request: GetChatRequest, context: Context) -> GetChatResponse:
        """A chat with its messages."""
        chat_id, lane = _named(request.chat_id), self._lane(context)
        return GetChatResponse(chat=await lane.upstream.get_chat(chat_id, lane.credentials))

    async def DeleteChat(self, request: DeleteChatRequest, context: Context) -> DeleteChatResponse:
        """Deletes one chat."""
        chat_id, who = _named(request.chat_id), caller(context, self._router)
        lane = who.own_lane()

        async def work() -> Done[DeleteChatResponse]:
            try:
                await lane.upstream.delete_chat(chat_id, lane.credentials)
            except NotFound:
                if not request.allow_missing:
                    raise
            return Done(DeleteChatResponse())

        return await self._once.call(request, context, who, work, DeleteChatResponse)

    async def PurgeChats(self, request: PurgeChatsRequest, context: Context) -> PurgeChatsResponse:
        """Counts the listed chats and, with `force`, deletes all there are."""
        who, shelf = caller(context, self._router), self._shelf(context)
        lane = who.own_lane()

        async def work() -> Done[PurgeChatsResponse]:
            count = await shelf.count()
            if request.force:
                await lane.upstream.delete_all_chats(lane.credentials)
            return Done(PurgeChatsResponse(purge_count=-1 if count is None else count))

        return await self._once.call(request, context, who, work, PurgeChatsResponse)

    def _shelf(self, context: Context) -> Shelf:
        lane = self._lane(context)
        return Shelf(lane.upstream, lane.credentials)

    def _lane(self, context: Context) -> Lane:
        return caller(context, self._router).own_lane()


def _size(asked: int) -> int:
    if not 0 <= asked <= MAX_PAGE:
        raise InvalidParameter(f"page_size is {asked}: expected 0 to {MAX_PAGE}; 0 means {PAGE}", field="page_size")
    return asked or PAGE


def _named(chat_id: str) -> str:
    if not chat_id:
        raise InvalidParameter("chat_id is missing: name a chat that ListChats lists", field="chat_id")
    return chat_id
