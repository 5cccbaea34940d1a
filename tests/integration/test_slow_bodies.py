"""A body that does not come does not hold a connection for ever."""

import asyncio
import json

import pytest
from support import open_house

HEAD = b"POST /v1/chat/completions HTTP/1.1\r\nhost: localhost\r\n"


@pytest.mark.asyncio
@pytest.mark.parametrize(
    "sent",
    [b"content-length: 100\r\n\r\n{", b"transfer-encoding: chunked\r\n\r\n1\r\n{\r\n"],
    ids=["with a length", "in chunks"],
)
async def test_a_body_that_does_not_arrive_in_time_is_given_up(sent: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rest_shim.app.BODY_S", 0.2)
    async with open_house() as house:
        assert house.gateway.rest is not None
        reader, writer = await asyncio.open_connection("127.0.0.1", house.gateway.rest.port)
        writer.write(HEAD + sent)
        reply = await asyncio.wait_for(reader.read(), 10)
        writer.close()
    head, _, body = reply.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 408 ")
    assert json.loads(body)["error"]["code"] == "request_timeout"
