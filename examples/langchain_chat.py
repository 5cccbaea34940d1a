"""Asks through langchain-openai: first the pieces of the answer, then what it cost."""

import os

from langchain_openai import ChatOpenAI
from pydantic import SecretStr

from qwen_grpc.cli.demo import demo_credential

BASE_URL = os.environ.get("OPENAI_BASE_URL", "http://127.0.0.1:8000/v1")


def main() -> None:
    key = SecretStr(os.environ.get("OPENAI_API_KEY") or demo_credential())
    model = ChatOpenAI(model="qwen-max", base_url=BASE_URL, api_key=key, stream_usage=True)
    tokens = 0
    for piece in model.stream("Hello from LangChain"):
        print(piece.text, end="", flush=True)
        tokens += piece.usage_metadata["output_tokens"] if piece.usage_metadata else 0
    print(f"\n({tokens} tokens)")


if __name__ == "__main__":
    main()
