"""Streams an answer over gRPC with grpc.aio and the generated stubs."""

import asyncio
import os

import grpc

from qwen_grpc.cli.demo import demo_credential
from qwen_grpc.v1.chat_pb2 import ROLE_USER, ChatMessage, CompleteChatRequest
from qwen_grpc.v1.chat_pb2_grpc import ChatServiceStub

TARGET = os.environ.get("QWEN_GRPC_TARGET", "127.0.0.1:50051")


async def main() -> None:
    credential = os.environ.get("OPENAI_API_KEY") or demo_credential()
    question = ChatMessage(role=ROLE_USER, content="Hello from grpc.aio")
    async with grpc.aio.insecure_channel(TARGET) as channel:
        call = ChatServiceStub(channel).StreamChat(
            CompleteChatRequest(model="qwen-max", messages=[question]),
            metadata=(("authorization", f"Bearer {credential}"),),
            timeout=60,
        )
        async for message in call:
            for delta in message.deltas:
                print(delta.content, end="", flush=True)
    print()


if __name__ == "__main__":
    asyncio.run(main())
