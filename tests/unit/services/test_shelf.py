"""Pages of our own over the pages of an upstream, while chats come, go and move."""

from collections.abc import Callable, Sequence

import pytest
from google.protobuf.timestamp_pb2 import Timestamp

from qwen_grpc.credentials import Credentials, WebSession
from qwen_grpc.errors import InvalidParameter
from qwen_grpc.services import shelf
from qwen_grpc.services.shelf import BEGINNING, Mark, Shelf, read_token
from qwen_grpc.upstreams.base import Upstream
from qwen_grpc.v1.chats_pb2 import Chat


class Stored(Upstream):
    """An upstream with pages of three chats. `changed` has the chats by name, with the second of their last change."""

    name = "stored"

    def __init__(self, changed: dict[str, int]) -> None:
        self.changed = changed
        self.asked: list[int] = []

    async def list_chats(self, page: int, credentials: Credentials) -> Sequence[Chat]:
        self.asked.append(page)
        rows = sorted(self.changed.items(), key=lambda item: -item[1])
        return [Chat(id=name, update_time=Timestamp(seconds=at)) for name, at in rows[3 * page - 3 : 3 * page]]


class Repeating(Stored):
    """One that gives its last page for ever."""

    async def list_chats(self, page: int, credentials: Credentials) -> Sequence[Chat]:
        return await super().list_chats(min(page, 2), credentials)


def eight() -> dict[str, int]:
    """a to h, the latest changed first."""
    return {name: 100 - at for at, name in enumerate("abcdefgh")}


def shelf_of(upstream: Upstream) -> Shelf:
    return Shelf(upstream, WebSession(token="t"))


async def read(upstream: Upstream, after: Mark = BEGINNING) -> str:
    return "".join([chat.id async for _, chat in shelf_of(upstream).chats(after)])


async def mark_of(upstream: Upstream, name: str) -> Mark:
    """The place behind a chat, by way of its token."""
    marks = {chat.id: mark async for mark, chat in shelf_of(upstream).chats()}
    return read_token(marks[name].token)


@pytest.mark.asyncio
async def test_all_chats_come_in_order_and_an_empty_page_is_the_end() -> None:
    upstream = Stored(eight())
    assert (await read(upstream), upstream.asked) == ("abcdefgh", [1, 2, 3, 4])


@pytest.mark.asyncio
async def test_an_account_without_chats_has_none() -> None:
    assert (await read(Stored({})), await shelf_of(Stored({})).count()) == ("", 0)


@pytest.mark.asyncio
@pytest.mark.parametrize("name", "abcdefgh")
async def test_a_mark_finds_its_place_again_and_again(name: str) -> None:
    upstream = Stored(eight())
    mark = await mark_of(upstream, name)
    rest = "abcdefgh".partition(name)[2]
    assert [await read(upstream, mark) for _ in range(2)] == [rest, rest]


@pytest.mark.asyncio
async def test_a_mark_asks_for_no_page_before_its_own() -> None:
    upstream = Stored(eight())
    mark = await mark_of(upstream, "e")
    upstream.asked.clear()
    assert (await read(upstream, mark), upstream.asked) == ("fgh", [2, 3, 4])


def without(*names: str) -> Callable[[dict[str, int]], None]:
    def change(chats: dict[str, int]) -> None:
        for name in names:
            del chats[name]

    return change


def changed(*names: str) -> Callable[[dict[str, int]], None]:
    def change(chats: dict[str, int]) -> None:
        chats.update(dict.fromkeys(names, 200))

    return change


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("change", "rest"),
    [
        (without("a"), "fgh"),
        (without("a", "b", "c", "d"), "fgh"),
        (without("e"), "fgh"),
        (without("a", "b", "c", "d", "e"), "fgh"),
        (without("f"), "gh"),
        (without("f", "g", "h"), ""),
        (without(*"abcdefgh"), ""),
        (changed("new"), "fgh"),
        (changed("new1", "new2", "new3", "new4", "new5", "new6"), "fgh"),
        (changed("e"), "fgh"),
        (changed("h"), "fg"),
    ],
)
async def test_no_chat_is_left_out_when_others_come_go_and_move(
    change: Callable[[dict[str, int]], None], rest: str
) -> None:
    upstream = Stored(eight())
    mark = await mark_of(upstream, "e")
    change(upstream.changed)
    assert await read(upstream, mark) == rest


@pytest.mark.asyncio
async def test_among_chats_of_one_second_a_mark_still_knows_its_place() -> None:
    upstream = Stored(dict.fromkeys("abcdefgh", 5))
    assert await read(upstream, await mark_of(upstream, "d")) == "efgh"


@pytest.mark.asyncio
async def test_among_chats_of_one_second_none_is_left_out() -> None:
    upstream = Stored(dict.fromkeys("abcdefgh", 5))
    mark = await mark_of(upstream, "d")
    without("a", "d")(upstream.changed)
    assert set("efgh") <= set(await read(upstream, mark))


@pytest.mark.asyncio
async def test_an_upstream_that_repeats_its_last_page_ends_all_the_same() -> None:
    upstream = Repeating({name: 100 - at for at, name in enumerate("abcdef")})
    assert (await read(upstream), upstream.asked) == ("abcdef", [1, 2, 2])
    assert await read(upstream, await mark_of(upstream, "f")) == ""


@pytest.mark.asyncio
async def test_a_count_is_the_number_of_chats() -> None:
    assert await shelf_of(Stored(eight())).count() == 8


@pytest.mark.asyncio
async def test_too_many_chats_are_not_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shelf, "MAX_PAGES", 2)
    upstream = Stored(eight())
    assert (await shelf_of(upstream).count(), upstream.asked) == (None, [1, 2])


def test_a_token_is_opaque_and_says_its_mark() -> None:
    mark = Mark(7, 1_790_356_321, "c0000000-0000-4000-8000-000000000001")
    assert (read_token(mark.token), read_token("")) == (mark, BEGINNING)
    assert mark.chat_id not in mark.token


@pytest.mark.parametrize(
    "token",
    [
        *("x", "20", "é", "====", "W10", "bnVsbA", "A" * 100_000),
        Mark(0, 1, "a").token,
        Mark(-1, 1, "a").token,
        Mark(501, 1, "a").token,
        Mark(1, 1, "").token,
    ],
)
def test_a_token_that_nobody_gave_is_refused(token: str) -> None:
    with pytest.raises(InvalidParameter) as refused:
        read_token(token)
    assert refused.value.field == "page_token"
