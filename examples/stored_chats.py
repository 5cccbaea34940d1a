"""Lists the chats that are stored under the account, reads one with its branches, and deletes it."""

import os
from typing import Any

import httpx

from qwen_grpc.cli.demo import demo_credential

BASE_URL = os.environ.get("OPENAI_BASE_URL", "http://127.0.0.1:8000/v1")


def main() -> None:
    headers = {"authorization": f"Bearer {os.environ.get('OPENAI_API_KEY') or demo_credential()}"}
    with httpx.Client(base_url=BASE_URL, headers=headers, timeout=60) as http:
        question = {"model": "qwen-max", "messages": [{"role": "user", "content": "Hello from a stored chat"}]}
        chat_id = call(http, "POST", "/chat/completions", json=question)["conversation"]["chat_id"]
        # `after=` the `last_id` of one page gives the next, as long as `has_more` is true.
        page = call(http, "GET", "/chats", params={"limit": 100})
        print("listed:", chat_id in [chat["id"] for chat in page["data"]])
        for entry in call(http, "GET", f"/chats/{chat_id}")["messages"]:
            print(f"{entry['message']['role']}:", entry["message"]["content"])
        # Without a body, this would delete every chat of the account.
        print("deleted:", call(http, "POST", "/chats/delete", json={"chat_ids": [chat_id]})["deleted"])


def call(http: httpx.Client, method: str, path: str, **more: Any) -> Any:
    return http.request(method, path, **more).raise_for_status().json()


if __name__ == "__main__":
    main()
