import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import grpc
import httpx
import msgspec
import pytest
from support import House, bearer, open_house
from upstream_record import MODELS, calls, failed

from qwen_grpc.simulator import Behaviour, running
from qwen_grpc.simulator import models as simulated
from qwen_grpc.v1.models_pb2 import (
    CAPABILITY_CHAT,
    CAPABILITY_SEARCH,
    CAPABILITY_THINKING,
    MODEL_VIEW_FULL,
    GetModelRequest,
    ListModelsRequest,
)

SERVED = (
    ("qwen-max", "qwen3.8-max"),
    ("qwen-max-latest", "qwen3.8-max"),
    ("qwen-max-0428", "qwen3.8-max"),
    ("qwen-max-thinking", "qwen3.8-max"),
    ("qwen-max-search", "qwen3.8-max"),
    ("qwen-plus", "qwen3.7-plus"),
    ("qwen-plus-latest", "qwen3.7-plus"),
    ("qwen-plus-thinking", "qwen3.7-plus"),
    ("qwen-plus-search", "qwen3.7-plus"),
    ("qwen-turbo", "qwen3.5-flash"),
    ("qwen-turbo-latest", "qwen3.5-flash"),
    ("qwen-turbo-thinking", "qwen3.5-flash"),
    ("qwen-turbo-search", "qwen3.5-flash"),
    ("qwen-long", "qwen3.7-plus"),
    ("qwen-long-thinking", "qwen3.7-plus"),
    ("qwen-long-search", "qwen3.7-plus"),
    ("qwen3-coder-plus", "qwen3-coder-plus"),
    ("qwen-coder-plus", "qwen3-coder-plus"),
    ("qwen-max-deep-research", "qwen3.8-max"),
    ("qwen-plus-deep-research", "qwen3.7-plus"),
    ("qwen-deep-research", "qwen3.8-max"),
)
FILMS = tuple(f"{family}-video" for family in ("qwen-max", "qwen-plus", "qwen-turbo", "qwen-long"))


async def listing(house: House, query: str = "") -> dict[str, Any]:
    reply = await house.http.get(f"/v1/models{query}", headers=bearer())
    assert reply.status_code == 200
    return reply.json()


def ids(found: dict[str, Any]) -> list[str]:
    return [model["id"] for model in found["data"]]


def fetches(house: House) -> int:
    return len(calls(house.simulator, MODELS))


@asynccontextmanager
async def house_without_site(**changes: Any) -> AsyncIterator[House]:
    """A gateway whose site does not answer: nothing listens there."""
    async with open_house() as gone:
        pass
    async with open_house(qwen_base_url=gone.simulator.url, **changes) as house:
        yield house


@pytest.mark.asyncio
async def test_the_list_is_fetched_once_for_all_calls(house: House) -> None:
    await asyncio.gather(*(listing(house) for _ in range(25)), *(house.complete("Hello") for _ in range(25)))
    await listing(house)

    assert fetches(house) == 1


@pytest.mark.asyncio
async def test_the_list_is_fetched_again_when_its_time_is_over() -> None:
    async with open_house(model_cache_duration=0) as house:
        first = await listing(house)
        house.simulator.behaviour.models = ("qwen3.7-plus", "qwen4-max")
        second = await listing(house)

        assert fetches(house) == 2
        assert "qwen4-max" in ids(second)
        assert "qwen4-max" not in ids(first)


@pytest.mark.asyncio
async def test_a_forced_refresh_soon_after_the_last_one_is_answered_from_the_cache(house: House) -> None:
    await listing(house, "?refresh=true")
    await listing(house, "?refresh=true")
    await house.models.ListModels(ListModelsRequest(force_refresh=True))
    await house.models.GetModel(GetModelRequest(model_id="qwen-max", force_refresh=True))

    assert fetches(house) == 1


@pytest.mark.asyncio
@pytest.mark.parametrize("door", ["list", "list over rest", "get"])
async def test_a_forced_refresh_asks_again(monkeypatch: pytest.MonkeyPatch, house: House, door: str) -> None:
    monkeypatch.setattr("qwen_grpc.upstreams.model_cache.MIN_REFRESH_S", 0.0)
    await listing(house)
    match door:
        case "list":
            await house.models.ListModels(ListModelsRequest(force_refresh=True))
        case "list over rest":
            await listing(house, "?refresh=true")
        case _:
            await house.models.GetModel(GetModelRequest(model_id="qwen-max", force_refresh=True))

    assert fetches(house) == 2


@pytest.mark.asyncio
async def test_without_the_site_the_built_in_list_is_given_and_called_stale() -> None:
    async with house_without_site() as house:
        found = await house.models.ListModels(ListModelsRequest())
        shown = await listing(house)

        assert found.stale
        assert shown["stale"] is True
        assert {"qwen-max", "qwen-plus", "qwen-turbo", "qwen-long", "qwen-coder-plus", "qwen3.7-plus"} <= set(
            ids(shown)
        )


@pytest.mark.asyncio
async def test_when_the_site_fails_the_old_list_is_given_until_it_recovers() -> None:
    async with running(behaviour=Behaviour(models=("qwen3.7-plus", "qwen9-only-here"))) as site:
        port = int(site.url.rpartition(":")[2])
        gateway = open_house(qwen_base_url=site.url, model_cache_duration=0)
        house = await gateway.__aenter__()
        fresh = await house.models.ListModels(ListModelsRequest())
    try:
        old = await house.models.ListModels(ListModelsRequest())
        async with running(port=port, behaviour=Behaviour(models=("qwen3.7-plus",))):
            again = await house.models.ListModels(ListModelsRequest())
    finally:
        await gateway.__aexit__(None, None, None)

    assert (fresh.stale, old.stale, again.stale) == (False, True, False)
    assert old.models == fresh.models
    assert old.fetch_time == fresh.fetch_time
    assert "qwen9-only-here" in [model.id for model in old.models]
    assert "qwen9-only-here" not in [model.id for model in again.models]


@pytest.mark.asyncio
@pytest.mark.parametrize(("name", "base"), SERVED)
async def test_every_name_of_the_first_version_resolves(house: House, name: str, base: str) -> None:
    assert name in ids(await listing(house))
    found = (await house.models.GetModel(GetModelRequest(model_id=name))).model
    assert (found.id, found.base_model_id or found.id) == (name, base)
    reply = await house.complete("Hello", model=name)
    assert (reply.status_code, reply.json()["model"], reply.headers["x-qwen-model"]) == (200, base, base)


@pytest.mark.asyncio
@pytest.mark.parametrize("name", FILMS)
async def test_names_for_videos_are_listed_and_give_no_answers(house: House, name: str) -> None:
    reply = await house.complete("Hello", model=name)
    assert (reply.status_code, reply.json()["error"]["code"]) == (400, "unsupported_parameter")
    assert name in ids(await listing(house))


@pytest.mark.asyncio
async def test_only_variants_that_the_model_offers_are_listed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(simulated.META, "mute", {"chat_type": ["t2i"]})
    monkeypatch.setitem(simulated.META, "quick", {"chat_type": ["t2t", "search"], "thinking": False})
    monkeypatch.setitem(simulated.META, "deep", {"chat_type": ["t2t"]})
    async with open_house(Behaviour(models=("mute", "quick", "deep"))) as house:
        found = await listing(house)

        assert sorted(ids(found)) == [
            "deep",
            "deep-no-thinking",
            "deep-thinking",
            "mute",
            "quick",
            "quick-search",
        ]


@pytest.mark.asyncio
async def test_every_listed_name_resolves_to_itself(house: House) -> None:
    for name in ids(await listing(house)):
        assert (await house.http.get(f"/v1/models/{name}")).json()["id"] == name


@pytest.mark.asyncio
@pytest.mark.parametrize("name", ["qwen/qwen-maxx", "a/b/c", "qwen-maxx", "openai%2Fqwen-maxx", "%E6%B0%B4"])
async def test_an_unknown_model_is_no_routing_error(house: House, name: str) -> None:
    reply = await house.http.get(f"/v1/models/{name}")

    assert (reply.status_code, reply.json()["error"]["code"]) == (404, "model_not_found")


@pytest.mark.asyncio
async def test_near_names_are_suggested(house: House) -> None:
    texts = [
        (await house.http.get("/v1/models/qwen/qwen-maxx")).json()["error"]["message"],
        (await house.complete("Hello", model="qwen/qwen-maxx")).json()["error"]["message"],
    ]

    assert all("unknown model 'qwen/qwen-maxx'; did you mean 'qwen-max" in text for text in texts)


@pytest.mark.asyncio
async def test_pages_join_to_the_whole_list(house: House) -> None:
    whole = (await house.models.ListModels(ListModelsRequest())).models
    pages, token = [], ""
    while token or not pages:
        page = await house.models.ListModels(ListModelsRequest(page_size=7, page_token=token))
        pages.append(list(page.models))
        token = page.next_page_token

    assert [model for page in pages for model in page] == list(whole)
    assert {len(page) for page in pages[:-1]} == {7}


@pytest.mark.asyncio
@pytest.mark.parametrize("wrong", [{"page_size": -1}, {"page_size": 1001}, {"page_token": "x"}, {"page_token": "-1"}])
async def test_a_wrong_page_is_refused(house: House, wrong: dict[str, Any]) -> None:
    found = await failed(house.models.ListModels(ListModelsRequest(**wrong)))

    assert found == (grpc.StatusCode.INVALID_ARGUMENT, "INVALID_PARAMETER")


@pytest.mark.asyncio
async def test_capabilities_filter_the_list(house: House) -> None:
    whole = (await house.models.ListModels(ListModelsRequest())).models
    wanted = [CAPABILITY_CHAT, CAPABILITY_THINKING, CAPABILITY_SEARCH]
    found = (await house.models.ListModels(ListModelsRequest(capabilities=wanted))).models

    assert list(found) == [model for model in whole if set(wanted) <= set(model.capabilities)]
    assert 0 < len(found) < len(whole)


@pytest.mark.asyncio
async def test_only_the_full_view_has_the_sites_own_words(house: House) -> None:
    mine = tuple(bearer().items())
    full = await house.models.ListModels(ListModelsRequest(view=MODEL_VIEW_FULL), metadata=mine)
    basic = await house.models.ListModels(ListModelsRequest(), metadata=mine)
    one = (await house.models.GetModel(GetModelRequest(model_id="qwen3.7-plus", view=MODEL_VIEW_FULL))).model
    told = {entry["id"]: entry for entry in (await _site(house))["data"]}

    originals = [model for model in full.models if not model.base_model_id]
    assert {model.id: msgspec.json.decode(model.upstream_json) for model in originals} == told
    assert msgspec.json.decode(one.upstream_json) == told["qwen3.7-plus"]
    assert not any(model.upstream_json for model in basic.models)


async def _site(house: House) -> Any:
    async with httpx.AsyncClient() as client:
        return (await client.get(house.simulator.url + MODELS)).json()
