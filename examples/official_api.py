"""Asks the official API with a DashScope key, and shows what was looked up, what was said and what it cost."""

import os

from openai import OpenAI

BASE_URL = os.environ.get("OPENAI_BASE_URL", "http://127.0.0.1:8000/v1")
# Any key that begins so goes to DashScope; this one is known to the simulator only.
KEY = os.environ.get("DASHSCOPE_API_KEY", "sk-of-the-simulator")


def main() -> None:
    question = [{"role": "user", "content": "Where do echoes come from?"}]
    with OpenAI(base_url=BASE_URL, api_key=KEY) as client:
        asked = client.chat.completions.with_raw_response.create(model="qwen-plus-search", messages=question)
    completion = asked.parse()
    message = completion.choices[0].message
    print(f"{asked.headers['x-qwen-upstream']}, {completion.model}: {message.content}")
    for annotation in message.annotations or []:
        print("source:", annotation.url_citation.title, annotation.url_citation.url)
    print("tokens:", completion.usage.total_tokens if completion.usage else "not told")


if __name__ == "__main__":
    main()
