"""A person's stored chats in one row, whatever pages the upstream cuts them into."""

import base64
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import dataclass

import msgspec

from qwen_grpc.credentials import Credentials
from qwen_grpc.errors import InvalidParameter
from qwen_grpc.upstreams.base import Upstream
from qwen_grpc.v1.chats_pb2 import Chat

# 30,000 chats, at 60 in a page.
MAX_PAGES = 500
MAX_TOKEN = 1024


@dataclass(frozen=True, slots=True)
class Mark:
    """The place behind a chat: its id, when it was changed (epoch seconds), and the page that it was on."""

    page: int = 1
    changed: int = 0
    chat_id: str = ""

    @property
    def token(self) -> str:
        """The mark as a page token."""
        text = msgspec.json.encode((self.page, self.changed, self.chat_id))
        return base64.urlsafe_b64encode(text).decode().rstrip("=")


BEGINNING = Mark()


def read_token(token: str) -> Mark:
    """The mark that a page token stands for. Raises `InvalidParameter`."""
    if not token:
        return BEGINNING
    try:
        padded = token[:MAX_TOKEN].encode("ascii") + b"=" * (-len(token) % 4)
        found = msgspec.json.decode(base64.b64decode(padded, b"-_", validate=True), type=tuple[int, int, str])
    except ValueError:
        found = (0, 0, "")
    mark = Mark(*found)
    if not 1 <= mark.page <= MAX_PAGES or not mark.chat_id:
        raise InvalidParameter("page_token is not one that ListChats gave", field="page_token")
    return mark


class Shelf:
    """The chats of one account, the latest changed first.

    Chats come, go and move while somebody turns the pages. A mark finds its
    place again by its chat, or, where that is gone, by its time: then a chat
    of the same second may be told twice, which is better than never.
    """

    def __init__(self, upstream: Upstream, credentials: Credentials) -> None:
        self._upstream = upstream
        self._credentials = credentials

    async def chats(self, after: Mark = BEGINNING) -> AsyncGenerator[tuple[Mark, Chat], None]:
        """The chats behind a mark, each once and with its own mark.

        Ends with an empty page, with one that holds nothing new, since an
        upstream may give its last page for ever, or after `MAX_PAGES`.
        """
        number, rows = await self._begin(after)
        told: set[str] = set()
        skipping = bool(after.chat_id)
        while rows and any(chat.id not in told for chat in rows):
            fresh = [chat for chat in (_behind(after, rows) if skipping else rows) if chat.id not in told]
            skipping = skipping and not fresh and rows[-1].id != after.chat_id
            for chat in fresh:
                yield Mark(number, chat.update_time.seconds, chat.id), chat
            told |= {chat.id for chat in rows}
            number += 1
            rows = await self._page(number)

    async def count(self) -> int | None:
        """How many chats there are; None for more than `MAX_PAGES` of them."""
        count, page = 0, BEGINNING.page
        async with aclosing(self.chats()) as chats:
            async for mark, _ in chats:
                count, page = count + 1, mark.page
        return count if page < MAX_PAGES else None

    async def _begin(self, after: Mark) -> tuple[int, Sequence[Chat]]:
        """The page to begin with: that of the mark, or an earlier one when chats before it have gone."""
        number, rows = after.page, await self._page(after.page)
        while number > 1 and (not rows or _is_behind(after, rows)):
            number -= 1
            rows = await self._page(number)
        return number, rows

    async def _page(self, number: int) -> Sequence[Chat]:
        return await self._upstream.list_chats(number, self._credentials) if number <= MAX_PAGES else ()


def _is_behind(after: Mark, rows: Sequence[Chat]) -> bool:
    """Whether a page may begin behind a mark, so that the mark, or what follows it, lies on an earlier page."""
    return rows[0].update_time.seconds <= after.changed and all(chat.id != after.chat_id for chat in rows)


def _behind(after: Mark, rows: Sequence[Chat]) -> Sequence[Chat]:
    """The chats of a page that come behind a mark."""
    for at, chat in enumerate(rows):
        if chat.id == after.chat_id and chat.update_time.seconds <= after.changed:
            return rows[at + 1 :]
    return [chat for chat in rows if chat.update_time.seconds <= after.changed]
