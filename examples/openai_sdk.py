"""Streams an answer with the openai package, which needs nothing but another base URL."""

import os

from openai import OpenAI

from qwen_grpc.cli.demo import demo_credential

BASE_URL = os.environ.get("OPENAI_BASE_URL", "http://127.0.0.1:8000/v1")


def main() -> None:
    with OpenAI(base_url=BASE_URL, api_key=os.environ.get("OPENAI_API_KEY") or demo_credential()) as client:
        stream = client.chat.completions.create(
            model="qwen-max", messages=[{"role": "user", "content": "Hello from the openai package"}], stream=True
        )
        for chunk in stream:
            print(chunk.choices[0].delta.content or "", end="", flush=True)
    print()


if __name__ == "__main__":
    main()
