"""The client for Python services: typed messages over asyncio. It comes with the extra `typed`.

    from qwen_grpc.client import connect, text_of
    from qwen_grpc.typed.qwen.v1 import ChatMessage, CompleteChatRequest, Role

    question = CompleteChatRequest(model="qwen-max", messages=[ChatMessage(role=Role.USER, content="Hello")])
    async with connect("gateway:50051", credential, tls=True) as qwen:
        async for message in qwen.stream_chat(question, timeout=60):
            print(text_of(message), end="")

The messages are the contract's, as dataclasses. `Qwen` has a method for each of
its methods: `complete_chat`, `stream_chat`, `list_models`, `generate_images`,
`create_video`, `watch_video`, `download_video`, `create_embeddings`,
`validate_token` and so on, and `upload` for files.

**Leaving.** Whoever stops iterating, is cancelled or runs into the deadline ends
the call, and the work upstream with it. After `break` Python closes an iterator
as soon as nobody holds it; `contextlib.aclosing` closes it at a place of your
choice.

**Failures** are `QwenError`s, in one class for each kind of remedy; `reason` is
the word of docs/errors.md. Nothing is ever tried again behind your back. To try
again where that is worthwhile:

    for attempt in range(3):
        try:
            return await qwen.complete_chat(question)
        except QwenError as error:
            if not error.may_retry or attempt == 2:
                raise
            await asyncio.sleep(error.retry_after or 2**attempt)

**One call apart.** `qwen.call(request_id=..., credential=...)` has the same
methods, with headers of its own; its `reply` says which model answered, and
what the gateway noted.

When the gateway goes down in order, grpclib gives up the calls that still run on
the connection: they fail with `GatewayFailed`. Clients by grpcio let them end.
"""

from qwen_grpc.client.connection import Call, Qwen, connect
from qwen_grpc.client.errors import (
    AccountRefused,
    DeadlinePassed,
    GatewayFailed,
    Limited,
    QwenError,
    RequestRefused,
    UpstreamFailed,
)
from qwen_grpc.client.exchange import Reply
from qwen_grpc.client.texts import text_of

__all__ = [
    "AccountRefused",
    "Call",
    "DeadlinePassed",
    "GatewayFailed",
    "Limited",
    "Qwen",
    "QwenError",
    "Reply",
    "RequestRefused",
    "UpstreamFailed",
    "connect",
    "text_of",
]
