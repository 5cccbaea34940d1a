"""Shows what the model thought and which pages it used; the suffix of the model name asks for both."""

import os

from openai import OpenAI

from qwen_grpc.cli.demo import demo_credential

BASE_URL = os.environ.get("OPENAI_BASE_URL", "http://127.0.0.1:8000/v1")


def main() -> None:
    with OpenAI(base_url=BASE_URL, api_key=os.environ.get("OPENAI_API_KEY") or demo_credential()) as client:
        completion = client.chat.completions.create(
            model="qwen-max-thinking-search", messages=[{"role": "user", "content": "Where do echoes come from?"}]
        )
    message = completion.choices[0].message
    # OpenAI has no field for thinking; clients of other vendors agree on this name.
    print("thinking:", " ".join((message.model_extra or {})["reasoning_content"].split()))
    print("answer:", message.content)
    for annotation in message.annotations or []:
        print("source:", annotation.url_citation.title, annotation.url_citation.url)


if __name__ == "__main__":
    main()
