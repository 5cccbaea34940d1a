"""The models of DashScope and its check of a key."""

import pytest
from dashscope_house import KEY, MODELS, open_dashscope

from qwen_grpc.credentials import ApiKey, WebSession
from qwen_grpc.errors import CredentialExpired, ModelNotFound

OTHER = ApiKey("sk-of-somebody-else")
BAD = ApiKey("sk-bad-from-the-start")


@pytest.mark.asyncio
async def test_without_a_key_the_tables_are_listed_and_nobody_is_asked() -> None:
    async with open_dashscope() as house:
        found = await house.upstream.list_models(None)
        names = {model.id for model in found.offered}
        assert {"qwen3.8-max", "qwen-max-thinking", "qwen-plus-search", "text-embedding-v4", "wan2.7-t2v"} <= names
        assert (found.stale, house.arrived(MODELS)) == (False, [])


@pytest.mark.asyncio
async def test_each_key_has_its_own_list_which_is_asked_for_once() -> None:
    async with open_dashscope() as house:
        for key in (KEY, OTHER, KEY):
            assert not (await house.upstream.list_models(key)).stale
        bearers = [one.headers["authorization"] for one in house.arrived(MODELS)]
        assert bearers == [f"Bearer {key.value}" for key in (KEY, OTHER)]


@pytest.mark.asyncio
async def test_a_known_name_needs_no_list_and_an_unknown_one_does() -> None:
    async with open_dashscope() as house:
        assert (await house.upstream.resolve("qwen3.7-plus-2026-05-26-thinking", KEY)).id == "qwen3.7-plus-2026-05-26"
        assert house.arrived(MODELS) == []
        with pytest.raises(ModelNotFound):
            await house.upstream.resolve("qwen-mega", KEY)
        assert len(house.arrived(MODELS)) == 1


@pytest.mark.asyncio
async def test_a_refused_list_leaves_the_tables() -> None:
    async with open_dashscope() as house:
        found = await house.upstream.list_models(BAD)
        assert found.stale
        assert "qwen3.8-max" in {model.id for model in found.models}


@pytest.mark.asyncio
async def test_a_key_is_checked_by_asking() -> None:
    async with open_dashscope() as house:
        first, again, other = [await house.upstream.check(key) for key in (KEY, KEY, OTHER)]
        assert (first, first == other) == (again, False)
        assert (len(first.id), first.expires_at, KEY.value in first.id) == (32, None, False)
        with pytest.raises(CredentialExpired, match="127.0.0.1"):
            await house.upstream.check(BAD)


@pytest.mark.asyncio
async def test_keys_that_begin_as_its_keys_do_belong_to_it() -> None:
    async with open_dashscope() as house:
        given = (KEY, ApiKey("qk-gateway-key"), ApiKey("own-engine"), WebSession(token="x"))
        assert [house.upstream.accepts(one) for one in given] == [True, False, False, False]
