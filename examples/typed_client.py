"""Streams an answer with the typed client: betterproto2 messages over grpclib (`pip install qwen-grpc[typed]`)."""

import asyncio
import os

from grpclib.client import Channel

from qwen_grpc.cli.demo import demo_credential
from qwen_grpc.typed.qwen.v1 import ChatMessage, ChatServiceStub, CompleteChatRequest, Role

HOST, _, PORT = os.environ.get("QWEN_GRPC_TARGET", "127.0.0.1:50051").rpartition(":")


async def main() -> None:
    credential = os.environ.get("OPENAI_API_KEY") or demo_credential()
    question = ChatMessage(role=Role.USER, content="Hello from the typed client")
    async with Channel(HOST, int(PORT)) as channel:
        chat = ChatServiceStub(channel, metadata={"authorization": f"Bearer {credential}"}, timeout=60)
        async for message in chat.stream_chat(CompleteChatRequest(model="qwen-max", messages=[question])):
            for delta in message.deltas:
                print(delta.content or "", end="", flush=True)
    print()


if __name__ == "__main__":
    asyncio.run(main())
