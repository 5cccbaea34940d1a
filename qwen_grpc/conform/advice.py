"""How a gateway is told to use the fault upstream."""

from __future__ import annotations

_HOW = """\
The gateway has to serve the model {model} from this OpenAI-compatible upstream, with any API key:
    {api}

qwen-grpc, in the file of `qwen-grpc serve --config`:
    [upstreams.conform]
    kind = "openai_engine"
    base_url = "{api}"
    public = true

LiteLLM, in the file of `litellm --config`:
    model_list:
      - model_name: {model}
        litellm_params:
          model: openai/{model}
          api_base: {api}
          api_key: none

Switch caches, guards and retries with other models off: a question has to reach the upstream, and no other one.
"""


def how_to_configure(upstream_url: str, model: str) -> str:
    """The addresses and names that the gateway needs, and files for two gateways."""
    return _HOW.format(api=f"{upstream_url.rstrip('/').removesuffix('/v1')}/v1", model=model)
