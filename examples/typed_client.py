"""Streams an answer with the client for Python services (`pip install qwen-grpc[typed]`)."""

import asyncio
import os

from qwen_grpc.cli.demo import demo_credential
from qwen_grpc.client import connect, text_of
from qwen_grpc.typed.qwen.v1 import ChatMessage, CompleteChatRequest, Role

TARGET = os.environ.get("QWEN_GRPC_TARGET", "127.0.0.1:50051")


async def main() -> None:
    credential = os.environ.get("OPENAI_API_KEY") or demo_credential()
    question = ChatMessage(role=Role.USER, content="Hello from the typed client")
    async with connect(TARGET, credential) as qwen:
        async for message in qwen.stream_chat(CompleteChatRequest(model="qwen-max", messages=[question]), timeout=60):
            print(text_of(message), end="", flush=True)
    print()


if __name__ == "__main__":
    asyncio.run(main())
