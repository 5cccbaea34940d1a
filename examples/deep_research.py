"""Has a question researched: the model asks back first, and reports after the answer to that."""

import os
from typing import Any

from openai import OpenAI

from qwen_grpc.cli.demo import demo_credential

BASE_URL = os.environ.get("OPENAI_BASE_URL", "http://127.0.0.1:8000/v1")
MODEL = "qwen-deep-research"


def main() -> None:
    # A research takes minutes: the stream stays open meanwhile, and the gateway fills the silence.
    with OpenAI(base_url=BASE_URL, api_key=os.environ.get("OPENAI_API_KEY") or demo_credential()) as client:
        history: list[Any] = [{"role": "user", "content": "How do echoes come about?"}]
        asked = client.chat.completions.create(model=MODEL, messages=history).choices[0].message
        print("asked back:", asked.content)
        # The whole history goes along, as always: it leads to the chat in which the question was asked.
        history += [{"role": "assistant", "content": asked.content}, {"role": "user", "content": "In caves"}]
        show(client.chat.completions.create(model=MODEL, messages=history, stream=True))


def show(chunks: Any) -> None:
    report = []
    for chunk in chunks:
        delta = chunk.choices[0].delta
        told = delta.model_extra or {}
        if told.get("reasoning_content"):
            print("progress:", told["reasoning_content"].strip())
        report.append(delta.content or "")
        for note in told.get("annotations", ()):
            print("source:", note["url_citation"]["title"], note["url_citation"]["url"])
    print("report:", " ".join("".join(report).split()))


if __name__ == "__main__":
    main()
