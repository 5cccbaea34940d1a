"""LangChain's OpenAI client, which adds up what it sees in the chunks."""

import pytest
from langchain_core.messages import AIMessageChunk
from langchain_openai import ChatOpenAI
from openai import APIError
from pydantic import SecretStr
from rich_errors import drained
from support import House, session

from qwen_grpc.credentials import pack

USAGE = {
    "input_tokens": 802,
    "output_tokens": 22,
    "total_tokens": 824,
    "input_token_details": {"cache_read": 0},
    "output_token_details": {"reasoning": 16},
}


def model(house: House) -> ChatOpenAI:
    key = SecretStr(pack(session()))
    return ChatOpenAI(base_url=f"{house.rest}/v1", api_key=key, model="qwen-max-thinking", stream_usage=True)


@pytest.mark.asyncio
async def test_langchain_reads_a_whole_answer(house: House) -> None:
    message = await model(house).ainvoke("Hello there")
    said = message.response_metadata
    assert (message.text, message.usage_metadata) == ("You said: Hello there", USAGE)
    assert (said["finish_reason"], said["model_name"]) == ("stop", "qwen3.8-max")


@pytest.mark.asyncio
async def test_langchain_adds_up_text_and_usage_of_a_stream_once(house: House) -> None:
    total = AIMessageChunk(content="")
    async for chunk in model(house).astream("Hello there"):
        total = total + chunk
    said = total.response_metadata
    assert (total.text, total.usage_metadata) == ("You said: Hello there", USAGE)
    assert (said["finish_reason"], said["model_name"]) == ("stop", "qwen3.8-max")


@pytest.mark.asyncio
async def test_langchain_raises_when_a_stream_breaks(house: House) -> None:
    heard: list[AIMessageChunk] = []
    with pytest.raises(APIError, match="without a finish reason"):
        await drained(model(house).astream("Hello [[sim:eof]]"), heard)
    assert "".join(chunk.text for chunk in heard) == "Part 1. Part 2. "
