"""Changes a picture and saves the result: `edit_picture.py [edited.png [picture.png]]`; without one it makes one."""

import base64
import os
import sys
from pathlib import Path

from openai import OpenAI
from openai.types import ImagesResponse

from qwen_grpc.cli.demo import demo_credential

BASE_URL = os.environ.get("OPENAI_BASE_URL", "http://127.0.0.1:8000/v1")


def main() -> None:
    saved = Path(sys.argv[1] if len(sys.argv) > 1 else "edited.png")
    with OpenAI(base_url=BASE_URL, api_key=os.environ.get("OPENAI_API_KEY") or demo_credential()) as client:
        content = Path(sys.argv[2]).read_bytes() if len(sys.argv) > 2 else picture(client)
        answer = client.images.edit(
            image=("picture.png", content), prompt="Make the fox blue", response_format="b64_json", timeout=180
        )
    saved.write_bytes(content_of(answer))
    print(f"saved {saved.name}: {saved.stat().st_size} bytes")


def picture(client: OpenAI) -> bytes:
    return content_of(client.images.generate(prompt="A red fox", response_format="b64_json", timeout=180))


def content_of(answer: ImagesResponse) -> bytes:
    [image] = answer.data or []
    return base64.b64decode(image.b64_json or "")


if __name__ == "__main__":
    main()
