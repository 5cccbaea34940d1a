"""Makes a picture with the openai package and saves it: `make_picture.py [picture.png]`."""

import base64
import os
import sys
from pathlib import Path

from openai import OpenAI

from qwen_grpc.cli.demo import demo_credential

BASE_URL = os.environ.get("OPENAI_BASE_URL", "http://127.0.0.1:8000/v1")


def main() -> None:
    file = Path(sys.argv[1] if len(sys.argv) > 1 else "picture.png")
    with OpenAI(base_url=BASE_URL, api_key=os.environ.get("OPENAI_API_KEY") or demo_credential()) as client:
        made = client.images.generate(
            prompt="A red fox in the snow", size="1792x1024", response_format="b64_json", timeout=180
        )
    [image] = made.data or []
    content = base64.b64decode(image.b64_json or "")
    file.write_bytes(content)
    print(f"saved {file.name}: {len(content)} bytes")


if __name__ == "__main__":
    main()
