"""Uploads a document and asks about it: `ask_document.py [document]`; without one it takes the README beside it."""

import os
import sys
from pathlib import Path
from typing import Any

from openai import OpenAI

from qwen_grpc.cli.demo import demo_credential

BASE_URL = os.environ.get("OPENAI_BASE_URL", "http://127.0.0.1:8000/v1")
README = Path(__file__).with_name("README.md")


def main() -> None:
    document = Path(sys.argv[1]) if len(sys.argv) > 1 else README
    with OpenAI(base_url=BASE_URL, api_key=os.environ.get("OPENAI_API_KEY") or demo_credential()) as client:
        file = client.files.create(file=document, purpose="user_data")
        print(f"uploaded {file.filename}: {file.bytes} bytes")
        # The id is good for a day, in as many conversations as you like.
        parts: Any = [{"type": "file", "file": {"file_id": file.id}}, {"type": "text", "text": "What is this about?"}]
        question: Any = {"role": "user", "content": parts}
        answer = client.chat.completions.create(model="qwen-plus", messages=[question])
        print(answer.choices[0].message.content)
        client.files.delete(file.id)


if __name__ == "__main__":
    main()
