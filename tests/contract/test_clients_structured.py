"""Structured answers by the openai package with pydantic, on chat.qwen.ai, where their form is asked for in words."""

from typing import Any, Literal

import pytest
from openai import InternalServerError, LengthFinishReasonError
from openai_parts import client_of
from pydantic import BaseModel, ValidationError
from support import House, open_house

from qwen_grpc.simulator import Behaviour


class Weather(BaseModel):
    """The weather of a city."""

    city: str
    degrees: int
    sky: Literal["clear", "grey"]


def asked(content: str) -> Any:
    return {"model": "qwen-max", "messages": [{"role": "user", "content": content}]}


@pytest.mark.asyncio
@pytest.mark.parametrize("cue", ["", " [[sim:json_fenced]]", " [[sim:json_wrong]]"])
async def test_the_openai_package_parses_an_answer(house: House, cue: str) -> None:
    async with client_of(house) as client:
        whole = await client.chat.completions.parse(**asked(f"Paris?{cue}"), response_format=Weather)
    parsed = whole.choices[0].message.parsed
    assert parsed is not None
    assert (parsed.degrees, parsed.sky) == (1, "clear")


@pytest.mark.asyncio
async def test_the_openai_package_parses_a_stream(house: House) -> None:
    async with (
        client_of(house) as client,
        client.chat.completions.stream(**asked("Paris?"), response_format=Weather) as stream,
    ):
        whole = await stream.get_final_completion()
    assert whole.choices[0].message.parsed == Weather(city="Paris?", degrees=1, sky="clear")


@pytest.mark.asyncio
async def test_a_mismatch_is_an_error_that_is_not_sent_again() -> None:
    async with open_house(Behaviour(scenario="json_wrong")) as house, client_of(house) as client:
        with pytest.raises(InternalServerError) as caught:
            await client.with_options(max_retries=3).chat.completions.parse(**asked("Paris?"), response_format=Weather)
        turns = [one for one in house.simulator.requests if one.path == "/api/v2/chat/completions"]
    body: Any = caught.value.body
    assert (caught.value.status_code, caught.value.code, len(turns)) == (502, "schema_mismatch", 2)
    assert body["answer"] == '["something", "else"]'


@pytest.mark.asyncio
async def test_an_answer_that_was_cut_is_told_as_cut(house: House) -> None:
    async with client_of(house) as client:
        with pytest.raises(LengthFinishReasonError):
            await client.chat.completions.parse(**asked("Paris?"), response_format=Weather, max_tokens=3)


@pytest.mark.asyncio
async def test_a_client_that_corrects_by_itself_goes_on_in_the_same_chat(house: House) -> None:
    """The way of instructor's JSON mode: an object is asked for, checked, and sent back with what is wrong."""
    messages: Any = [{"role": "user", "content": "Paris? Answer as JSON."}]
    async with client_of(house) as client:
        for _ in range(2):
            reply = await client.chat.completions.create(
                model="qwen-max", messages=messages, response_format={"type": "json_object"}
            )
            text = reply.choices[0].message.content or ""
            with pytest.raises(ValidationError):
                Weather.model_validate_json(text)
            messages += [
                {"role": "assistant", "content": text},
                {"role": "user", "content": "Three members are missing: city, degrees, sky."},
            ]
    opened = [one for one in house.simulator.requests if one.path == "/api/v2/chats/new"]
    assert len(opened) == 1
