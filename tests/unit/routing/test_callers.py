"""Which upstreams are open to whom, and what a credential that fits nowhere is told."""

from typing import Any

import pytest
from fakes import KEY, Place, configured, fleet_of

from qwen_grpc.credentials import ApiKey, WebSession
from qwen_grpc.errors import AccessDenied, ModelNotFound, TokenMalformed, TokenMissing, Unsupported
from qwen_grpc.routing.candidates import candidates
from qwen_grpc.routing.fleet import Fleet
from qwen_grpc.routing.offers import described, offers

SESSION = WebSession(refresh_token="somebody-elses")


async def fleet(key: dict[str, Any] | None = None, **more: Any) -> Fleet:
    """A pool of the operator, an upstream for callers' own keys, a public one without any key."""
    tables = {"pool": {}, "own": {}, "gpu": {"kind": "openai_engine", "base_url": "http://g/v1", "public": True}}
    places = (Place("pool"), Place("own", "sk-"), Place("gpu", models=["qwen-a", "qwen-gpu"]))
    return await fleet_of(configured(tables, {"pool": ["sk-pool"]}, key=key or {}, **more), *places)


def labels(found: Any) -> list[tuple[str, list[str]]]:
    return [(access.entry.name, [lane.label for lane in access.lanes]) for access in found]


@pytest.mark.asyncio
async def test_a_gateway_key_uses_the_pool_and_what_needs_no_key() -> None:
    caller = (await fleet()).router.caller(ApiKey(KEY))
    assert labels(caller.open()) == [("pool", ["pool/1"]), ("gpu", ["gpu"])]


@pytest.mark.asyncio
async def test_a_gateway_key_uses_no_more_than_it_may() -> None:
    caller = (await fleet({"upstreams": ["gp*"]})).router.caller(ApiKey(KEY))
    assert labels(caller.open()) == [("gpu", ["gpu"])]


@pytest.mark.asyncio
async def test_an_own_key_goes_to_its_own_upstream_and_the_pool_stays_closed() -> None:
    caller = (await fleet()).router.caller(ApiKey("sk-mine"))
    assert labels(caller.open()) == [("own", ["own"]), ("gpu", ["gpu"])]
    assert caller.open()[0].lanes[0].credentials == ApiKey("sk-mine")
    assert caller.open()[1].lanes[0].credentials == ApiKey("")


@pytest.mark.asyncio
@pytest.mark.parametrize("credentials", [None, ApiKey("anything-at-all"), SESSION], ids=["none", "unknown", "web"])
async def test_a_public_upstream_serves_anybody_and_never_sees_what_they_sent(credentials: Any) -> None:
    caller = (await fleet()).router.caller(credentials)
    assert labels(caller.open()) == [("gpu", ["gpu"])]
    assert caller.open()[0].lanes[0].credentials == ApiKey("")


@pytest.mark.asyncio
async def test_a_key_that_was_revoked_does_not_become_anybody() -> None:
    caller = (await fleet()).router.caller(ApiKey("qk-revoked-key-of-the-gateway"))
    with pytest.raises(TokenMalformed, match=r"looks like a gateway key \(qk-…\), but it is unknown or was revoked"):
        caller.required()


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("credentials", "looks"),
    [
        (SESSION, "this is a web session of chat.qwen.ai"),
        (ApiKey("sk-mine-and-secret"), "this looks like a key of the official API (sk-…)"),
        (ApiKey("secret-and-odd"), "this is an API key of 14 characters without a prefix that is known here"),
    ],
)
async def test_a_credential_that_fits_nowhere_is_told_what_fits(credentials: Any, looks: str) -> None:
    alone = await fleet_of(configured({"pool": {}}, {"pool": ["sk-pool"]}), Place("pool"))
    with pytest.raises(TokenMalformed) as failure:
        alone.router.caller(credentials).required()
    assert failure.value.message == (
        f"{looks}, and no upstream here takes it; expected a DashScope key (sk-…) or a gateway key (qk-…) "
        "(docs/credentials.md)"
    )
    assert "secret" not in failure.value.message


@pytest.mark.asyncio
async def test_without_a_credential_and_a_public_upstream_one_is_asked_for() -> None:
    alone = await fleet_of(configured({"pool": {}}, {"pool": ["sk-pool"]}), Place("pool"))
    with pytest.raises(TokenMissing):
        alone.router.caller(None).required()


@pytest.mark.asyncio
async def test_accounts_of_the_operator_are_not_shown_to_keys() -> None:
    with pytest.raises(Unsupported, match="stands for the operator's accounts"):
        (await fleet()).router.caller(ApiKey(KEY)).own_lane()


@pytest.mark.asyncio
async def test_what_was_made_on_a_lane_is_found_there_again() -> None:
    router = (await fleet()).router
    assert router.caller(ApiKey(KEY)).lane("pool", "pool/1").credentials == ApiKey("sk-pool")
    assert router.caller(ApiKey("sk-mine")).lane("own", "own").credentials == ApiKey("sk-mine")
    with pytest.raises(AccessDenied, match="no longer in use here"):
        router.caller(ApiKey("sk-mine")).lane("pool", "pool/1")


async def served(name: str, key: str = KEY, **more: Any) -> list[tuple[str, str]]:
    caller = (await fleet(**more)).router.caller(ApiKey(key))
    return [(one.access.entry.name, one.model.id) async for one in candidates(caller, name)]


@pytest.mark.asyncio
async def test_a_name_is_served_by_all_that_have_it_in_the_order_of_the_file() -> None:
    assert await served("qwen-a") == [("pool", "qwen-a"), ("gpu", "qwen-a")]
    assert await served("qwen-gpu") == [("gpu", "qwen-gpu")]


@pytest.mark.asyncio
async def test_a_name_with_its_upstream_is_served_there() -> None:
    assert await served("gpu/qwen-a") == [("gpu", "qwen-a")]


@pytest.mark.asyncio
async def test_an_alias_decides_the_order_and_skips_what_is_closed_to_the_caller() -> None:
    aliases = {"qwen-max": ["gpu/qwen-gpu", "pool/qwen-b"]}
    assert await served("qwen-max", aliases=aliases) == [("gpu", "qwen-gpu"), ("pool", "qwen-b")]
    assert await served("qwen-max", "sk-mine", aliases=aliases) == [("gpu", "qwen-gpu")]


@pytest.mark.asyncio
async def test_a_key_may_use_the_models_that_it_may_use() -> None:
    assert await served("qwen-b", key=KEY, aliases={}) == [("pool", "qwen-b")]
    caller = (await fleet({"models": ["qwen-a*"]})).router.caller(ApiKey(KEY))
    with pytest.raises(AccessDenied, match="the key 'team-a' may not use the model 'qwen-b'"):
        _ = [one async for one in candidates(caller, "qwen-b")]


@pytest.mark.asyncio
async def test_an_upstream_serves_the_models_that_it_is_for() -> None:
    tables = {"pool": {"models": ["qwen-b"]}}
    alone = await fleet_of(configured(tables, {"pool": ["sk-pool"]}), Place("pool"))
    caller = alone.router.caller(ApiKey(KEY))
    assert [one.model.id async for one in candidates(caller, "qwen-b")] == ["qwen-b"]
    with pytest.raises(ModelNotFound):
        _ = [one async for one in candidates(caller, "qwen-a")]


@pytest.mark.asyncio
async def test_the_list_is_of_all_upstreams_and_tells_who_serves_what() -> None:
    router = (await fleet(aliases={"qwen-max": ["gpu/qwen-gpu", "pool/qwen-b"]})).router
    found = await offers(router.caller(ApiKey(KEY)))
    assert {model.id: list(model.upstreams) for model in found.models} == {
        "qwen-a": ["pool", "gpu"],
        "qwen-b": ["pool"],
        "qwen-gpu": ["gpu"],
        "qwen-max": ["gpu", "pool"],
    }
    assert (await described(router.caller(ApiKey(KEY)), "qwen-a")).upstreams == ["pool", "gpu"]
    named = await described(router.caller(ApiKey(KEY)), "qwen-max")
    assert (named.id, named.base_model_id, named.upstreams) == ("qwen-max", "qwen-gpu", ["gpu", "pool"])


@pytest.mark.asyncio
async def test_a_stranger_sees_what_is_public_and_what_an_own_credential_would_open() -> None:
    found = await offers((await fleet()).router.caller(None))
    assert {model.id: list(model.upstreams) for model in found.models} == {
        "qwen-a": ["gpu", "own"],
        "qwen-gpu": ["gpu"],
        "qwen-b": ["own"],
    }


@pytest.mark.asyncio
async def test_a_key_sees_only_the_models_that_it_may_use() -> None:
    found = await offers((await fleet({"models": ["qwen-b"]})).router.caller(ApiKey(KEY)))
    assert [model.id for model in found.models] == ["qwen-b"]
