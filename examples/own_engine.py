"""Lists what an own engine serves, and has it think: no key is needed where the engine is public."""

import os

from openai import OpenAI

BASE_URL = os.environ.get("OPENAI_BASE_URL", "http://127.0.0.1:8000/v1")
MODEL = os.environ.get("ENGINE_MODEL", "gpu/Qwen/Qwen3-8B")


def main() -> None:
    # The package wants a key; what is no key of anybody's gets what is open to all.
    with OpenAI(base_url=BASE_URL, api_key="none") as client:
        served = [model.id for model in client.models.list() if "gpu" in (model.model_extra or {})["upstreams"]]
        print("served:", ", ".join(name for name in served if not name.endswith("thinking")))
        stream = client.chat.completions.create(
            model=MODEL,
            messages=[{"role": "user", "content": "Hello from the engine"}],
            # Members that OpenAI does not know reach the engine as they are.
            extra_body={"enable_thinking": True, "min_p": 0.05},
            stream=True,
        )
        told = {"reasoning_content": "", "content": ""}
        for chunk in stream:
            for name in told:
                told[name] += getattr(chunk.choices[0].delta, name, None) or ""
    print("thinking:", " ".join(told["reasoning_content"].split()))
    print("answer:", told["content"])


if __name__ == "__main__":
    main()
