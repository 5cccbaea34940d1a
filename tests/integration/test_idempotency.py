"""The same order twice under one idempotency key: what is made, what is told, and what is not known."""

import asyncio
from collections.abc import Sequence
from typing import Any

import grpc
import httpx
import pytest
from both_doors import Doors, open_doors
from support import LEDGERS, bearer, session
from upstream_record import failed, until

from qwen_grpc.catalog import Mode, ResolvedModel
from qwen_grpc.credentials import Credentials, WebSession
from qwen_grpc.errors import NotFound, RateLimited, UpstreamTtfbTimeout
from qwen_grpc.upstreams.base import Account, ModelList, Picture, Scene, Upstream
from qwen_grpc.v1.chats_pb2 import Chat, DeleteChatRequest, PurgeChatsRequest
from qwen_grpc.v1.chats_pb2_grpc import ChatsServiceStub
from qwen_grpc.v1.images_pb2 import EditImagesRequest, GenerateImagesRequest, ImageOptions
from qwen_grpc.v1.images_pb2_grpc import ImagesServiceStub
from qwen_grpc.v1.models_pb2 import CAPABILITY_IMAGE_EDIT, CAPABILITY_IMAGE_GENERATION, Model

MODEL = Model(id="painter-1", capabilities=[CAPABILITY_IMAGE_GENERATION, CAPABILITY_IMAGE_EDIT])
ORDER = {"prompt": "a fox", "model": "painter-1"}
ADA, BOB = session("00000000-0000-4000-8000-00000000000a"), session("00000000-0000-4000-8000-00000000000b")
GENERATIONS = "/v1/images/generations"


class Painter(Upstream):
    """Paints when `ready`, each picture another one; or fails as it is told. Deletes a chat once."""

    name = "painter"

    def __init__(self) -> None:
        self.orders: list[str] = []
        self.deleted: list[str] = []
        self.failures: list[Exception] = []
        self.ready = asyncio.Event()
        self.ready.set()

    def accepts(self, credentials: Credentials) -> bool:
        return isinstance(credentials, WebSession)

    async def check(self, credentials: Credentials) -> Account:
        return Account(credentials.fingerprint, None)

    async def list_models(self, credentials: Credentials | None, *, force: bool = False) -> ModelList:
        return ModelList([MODEL], [MODEL], 1.0)

    async def resolve(self, name: str, credentials: Credentials | None) -> ResolvedModel:
        return ResolvedModel(MODEL.id, MODEL, Mode.IMAGE)

    def images_at_once(self, model: ResolvedModel) -> int:
        return 1

    def images_to_edit(self, model: ResolvedModel) -> int:
        return 4

    async def make_images(self, scene: Scene, model: ResolvedModel, credentials: Credentials) -> Sequence[Picture]:
        self.orders.append(scene.prompt)
        await self.ready.wait()
        if self.failures:
            raise self.failures.pop(0)
        return [Picture(url=f"https://pictures.example/{len(self.orders)}.png")]

    async def list_chats(self, page: int, credentials: Credentials) -> Sequence[Chat]:
        return []

    async def delete_chat(self, chat_id: str, credentials: Credentials) -> None:
        if chat_id in self.deleted:
            raise NotFound("there is no such chat")
        self.deleted.append(chat_id)

    async def delete_all_chats(self, credentials: Credentials) -> None:
        self.deleted.append("all")


async def order(doors: Doors, key: str | None = "key-1", who: WebSession = ADA, **changes: Any) -> httpx.Response:
    headers = bearer(who) | ({} if key is None else {"idempotency-key": key})
    return await doors.http.post(GENERATIONS, json=ORDER | changes, headers=headers)


async def answered(doors: Doors) -> httpx.Response:
    """Orders until that is no longer in use."""
    while True:
        reply = await order(doors)
        if reply.status_code != 409:
            return reply
        await asyncio.sleep(0.01)


def metadata(key: str) -> tuple[tuple[str, str], ...]:
    return (*bearer(ADA).items(), ("idempotency-key", key))


def images(doors: Doors) -> Any:
    return ImagesServiceStub(doors.channel)


def generating(doors: Doors, key: str = "key-1") -> Any:
    request = GenerateImagesRequest(prompt="a fox", model="painter-1", options=ImageOptions())
    return images(doors).GenerateImages(request, metadata=metadata(key), timeout=20)


def code_of(reply: httpx.Response) -> tuple[int, str]:
    return reply.status_code, reply.json()["error"]["code"]


# -- images -------------------------------------------------------------------------------------------------------


@pytest.mark.asyncio
async def test_the_same_order_twice_is_made_once_and_answered_twice_alike() -> None:
    painter = Painter()
    async with open_doors(painter) as doors:
        first, second = await order(doors), await order(doors)
        over_grpc = generating(doors)
        third, told = await over_grpc, dict(await over_grpc.initial_metadata())

    assert (first.status_code, second.status_code, painter.orders) == (200, 200, ["a fox"])
    assert first.json() == second.json()
    assert third.images[0].url == first.json()["data"][0]["url"]
    assert "x-qwen-notice" not in first.headers
    stored = "this is the stored answer of the first request with this idempotency key"
    assert second.headers["x-qwen-notice"] == told["x-qwen-notice"] == stored
    assert second.headers["x-qwen-model"] == first.headers["x-qwen-model"] == told["x-qwen-model"] == "painter-1"


@pytest.mark.asyncio
async def test_without_a_key_or_with_another_key_or_by_somebody_else_it_is_another_order() -> None:
    painter = Painter()
    async with open_doors(painter) as doors:
        replies = [
            await order(doors),
            await order(doors, key=None),
            await order(doors, key=None),
            await order(doors, key="key-2"),
            await order(doors, who=BOB),
        ]
    assert [reply.status_code for reply in replies] == [200] * 5
    assert len({reply.json()["data"][0]["url"] for reply in replies}) == len(painter.orders) == 5


@pytest.mark.asyncio
async def test_the_same_key_with_another_order_is_refused_over_both_doors() -> None:
    painter = Painter()
    async with open_doors(painter) as doors:
        await order(doors)
        other = await order(doors, prompt="a hare")
        edit = EditImagesRequest(prompt="a fox", images=[{"url": "https://pictures.example/1.png"}])
        over_grpc = await failed(images(doors).EditImages(edit, metadata=metadata("key-1"), timeout=20))

    assert code_of(other) == (422, "idempotency_key_reused")
    assert other.headers["x-should-retry"] == "false"
    assert over_grpc == (grpc.StatusCode.INVALID_ARGUMENT, "IDEMPOTENCY_KEY_REUSED")
    assert painter.orders == ["a fox"]


@pytest.mark.asyncio
async def test_while_the_first_order_is_served_the_second_one_is_told_to_wait() -> None:
    painter = Painter()
    painter.ready.clear()
    async with open_doors(painter) as doors:
        first = asyncio.create_task(order(doors))
        await until(lambda: painter.orders)
        waiting, over_grpc = await order(doors), await failed(generating(doors))
        painter.ready.set()
        assert (await first).status_code == 200
        again = await order(doors)

    assert code_of(waiting) == (409, "idempotency_key_in_use")
    assert (waiting.headers["retry-after"], waiting.headers["x-should-retry"]) == ("2", "true")
    assert over_grpc == (grpc.StatusCode.ABORTED, "IDEMPOTENCY_KEY_IN_USE")
    assert (again.json(), painter.orders) == ((await first).json(), ["a fox"])


@pytest.mark.asyncio
async def test_a_caller_that_leaves_finds_what_was_made_when_it_asks_again() -> None:
    painter = Painter()
    painter.ready.clear()
    async with open_doors(painter) as doors:
        left = generating(doors)
        await until(lambda: painter.orders)
        left.cancel()
        with pytest.raises(asyncio.CancelledError):
            await left
        assert await failed(generating(doors)) == (grpc.StatusCode.ABORTED, "IDEMPOTENCY_KEY_IN_USE")
        painter.ready.set()
        reply = await asyncio.wait_for(answered(doors), 10)

    assert reply.json()["data"] == [{"url": "https://pictures.example/1.png"}]
    assert painter.orders == ["a fox"]


@pytest.mark.asyncio
async def test_an_order_that_was_refused_frees_its_key() -> None:
    painter = Painter()
    painter.failures = [RateLimited("slow down", retry_after=1)]
    async with open_doors(painter) as doors:
        refused, again = await order(doors), await order(doors)
    assert (refused.status_code, again.status_code, painter.orders) == (429, 200, ["a fox", "a fox"])


@pytest.mark.asyncio
async def test_an_order_that_may_have_been_made_is_not_made_again() -> None:
    painter = Painter()
    painter.failures = [UpstreamTtfbTimeout("nothing came")]
    async with open_doors(painter) as doors:
        first, again = await order(doors), await order(doors)
        over_grpc = await failed(generating(doors))

    assert code_of(first) == (504, "timeout")
    assert code_of(again) == (409, "unknown_outcome")
    assert again.headers["x-should-retry"] == "false"
    assert over_grpc == (grpc.StatusCode.ABORTED, "JOB_UNKNOWN_OUTCOME")
    assert painter.orders == ["a fox"]


@pytest.mark.asyncio
async def test_an_order_that_was_under_way_when_the_gateway_ended_is_of_unknown_outcome(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("qwen_grpc.services.once.CLOSE_S", 0.0)
    painter, ledger = Painter(), f"{LEDGERS.name}/once.sqlite3"
    painter.ready.clear()
    async with open_doors(painter, qwen_ledger=ledger) as doors:
        left = asyncio.create_task(order(doors))
        await until(lambda: painter.orders)
        left.cancel()
        await asyncio.gather(left, return_exceptions=True)
    painter.ready.set()
    async with open_doors(painter, qwen_ledger=ledger) as doors:
        again = await order(doors)
    assert (code_of(again), painter.orders) == ((409, "unknown_outcome"), ["a fox"])


@pytest.mark.asyncio
async def test_without_a_ledger_only_orders_with_a_key_fail_and_nothing_is_made_for_them() -> None:
    painter = Painter()
    async with open_doors(painter, qwen_ledger="/proc/no/such/place") as doors:
        with_key, without = await order(doors), await order(doors, key=None)
    assert (code_of(with_key), without.status_code) == ((503, "state_unavailable"), 200)
    assert painter.orders == ["a fox"]


@pytest.mark.asyncio
@pytest.mark.parametrize("key", ["", "x" * 256, "naïve"], ids=["empty", "too long", "not ASCII"])
async def test_a_key_that_is_none_is_an_error_and_not_left_away(key: str) -> None:
    painter = Painter()
    async with open_doors(painter) as doors:
        headers = [*bearer(ADA).items(), ("idempotency-key", key.encode())]
        reply = await doors.http.post(GENERATIONS, json=ORDER, headers=headers)
        assert (reply.status_code, reply.json()["error"]["param"]) == (400, "Idempotency-Key")
        assert "1 to 255 printable ASCII characters" in reply.json()["error"]["message"]
        if key.isascii():
            over_grpc = await failed(generating(doors, key))
            assert over_grpc == (grpc.StatusCode.INVALID_ARGUMENT, "INVALID_PARAMETER")
    assert painter.orders == []


# -- what is deleted ----------------------------------------------------------------------------------------------


@pytest.mark.asyncio
async def test_a_deletion_that_is_repeated_with_its_key_went_well_both_times() -> None:
    painter = Painter()
    async with open_doors(painter) as doors:
        headers = bearer(ADA) | {"idempotency-key": "key-1"}
        replies = [await doors.http.delete("/v1/chats/c-1", headers=headers) for _ in range(2)]
        without = await doors.http.delete("/v1/chats/c-1", headers=bearer(ADA))
        stub: Any = ChatsServiceStub(doors.channel)
        await stub.DeleteChat(DeleteChatRequest(chat_id="c-1"), metadata=metadata("key-1"), timeout=20)
        other = await failed(stub.DeleteChat(DeleteChatRequest(chat_id="c-2"), metadata=metadata("key-1")))

    assert [reply.status_code for reply in replies] == [200, 200]
    assert without.status_code == 404
    assert other == (grpc.StatusCode.INVALID_ARGUMENT, "IDEMPOTENCY_KEY_REUSED")
    assert painter.deleted == ["c-1"]


@pytest.mark.asyncio
async def test_several_chats_are_deleted_under_one_key() -> None:
    painter = Painter()
    async with open_doors(painter) as doors:
        headers = bearer(ADA) | {"idempotency-key": "key-1"}
        body = {"chat_ids": ["c-1", "c-2"]}
        replies = [await doors.http.post("/v1/chats/delete", json=body, headers=headers) for _ in range(2)]
    assert [reply.json() for reply in replies] == [{"deleted": 2, "chat_ids": ["c-1", "c-2"]}] * 2
    assert painter.deleted == ["c-1", "c-2"]


@pytest.mark.asyncio
async def test_all_chats_are_deleted_once_for_one_key() -> None:
    painter = Painter()
    async with open_doors(painter) as doors:
        stub: Any = ChatsServiceStub(doors.channel)
        purge = PurgeChatsRequest(force=True)
        first, second = [await stub.PurgeChats(purge, metadata=metadata("key-1"), timeout=20) for _ in range(2)]
    assert (first, painter.deleted) == (second, ["all"])
