import json
from typing import Any

import pytest
from both_doors import request_of
from engine_paths import upstream
from raw_server import LAST_CHUNK, STREAM_HEAD, chunk, raw_server, sent_headers

from qwen_grpc.catalog import Mode, ResolvedModel
from qwen_grpc.credentials import ApiKey
from qwen_grpc.services.fold import fold
from qwen_grpc.upstreams.openai_engine.models import described

SAID: dict[str, Any] = {"index": 0, "delta": {"content": "Hi"}, "finish_reason": "stop"}
EVENT = b"data: " + json.dumps({"id": "c", "created": 1, "model": "m", "choices": [SAID]}).encode() + b"\n\n"
ANSWER = STREAM_HEAD + chunk(EVENT + b"data: [DONE]\n\n") + LAST_CHUNK
# What a server says that was asked for a connection that is not used again.
LAST_ANSWER = ANSWER.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n", 1)


@pytest.mark.asyncio
@pytest.mark.parametrize(("dialect", "connections"), [("vllm", 1), ("sglang", 1), ("ollama", 1), ("llamacpp", 2)])
async def test_a_connection_serves_again_unless_the_engine_is_known_to_close_it(dialect: str, connections: int) -> None:
    request = request_of({"model": "m", "messages": [{"role": "user", "content": "Hello"}]})
    model = ResolvedModel("m", described("m"), Mode.CHAT)
    async with raw_server([ANSWER if connections == 1 else LAST_ANSWER]) as server:
        async with upstream(f"{server.url}/v1", dialect=dialect) as gpu:
            for _ in range(2):
                answer = await fold(gpu.chat(request, model, ApiKey("engine-key")))
                assert answer.choices[0].message.content == "Hi"

        assert server.connections == connections
        asked = [dict(sent_headers(one)).get(b"connection") for one in server.requests]
        assert asked == [b"keep-alive" if connections == 1 else b"close"] * 2
