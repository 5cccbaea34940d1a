"""How engines differ from OpenAI's API, and from each other.

As their servers were in the autumn of 2026: vLLM 0.32, SGLang 0.5.23, Ollama
of August, llama.cpp of October.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from enum import Enum

from qwen_grpc.configuration import Dialect as Name
from qwen_grpc.upstreams.kinds import AUDIO, IMAGE, VIDEO


class Switch(Enum):
    """How a request says whether to think."""

    TEMPLATE = "chat_template_kwargs.enable_thinking"
    EFFORT = "reasoning_effort"


@dataclass(frozen=True, slots=True)
class Probe:
    """An address beside the API, and the member of its JSON that only this engine has there."""

    path: str
    member: str


@dataclass(frozen=True, slots=True)
class Dialect:
    """One engine's way to speak OpenAI's API.

    `owner` is what it calls itself in its model list. `reasoning` is the
    member of a message that holds earlier thinking; on the way back all names
    are understood. `budget` bounds the thinking, and is empty where a request
    cannot. `efforts` are the words for the effort, empty where any is taken.
    `limit` is the one member that bounds the answer, empty where both of
    OpenAI's do. `media` are the kinds that messages may hold, and `fetches`
    whether the engine gets pictures from addresses by itself. `several` is
    whether it makes several answers at once, and `lasting` whether it keeps a
    connection open after a stream, as it says. `unread` are features of
    requests that it takes and leaves out.
    """

    title: str
    owner: str = ""
    probe: Probe | None = None
    reasoning: str = "reasoning_content"
    switch: Switch = Switch.TEMPLATE
    budget: str = ""
    efforts: tuple[str, ...] = ()
    limit: str = ""
    media: tuple[str, ...] = (IMAGE, AUDIO, VIDEO)
    fetches: bool = True
    tool_choice: bool = True
    several: bool = True
    lasting: bool = True
    unread: tuple[str, ...] = ()


GENERIC: Name = "generic"

DIALECTS: Mapping[Name, Dialect] = {
    "vllm": Dialect(
        "vLLM", "vllm", Probe("/version", "version"), reasoning="reasoning", budget="thinking_token_budget"
    ),
    "sglang": Dialect("SGLang", "sglang", Probe("/get_model_info", "model_path")),
    "ollama": Dialect(
        "Ollama",
        "library",
        Probe("/api/version", "version"),
        reasoning="reasoning",
        switch=Switch.EFFORT,
        efforts=("none", "low", "medium", "high"),
        limit="max_tokens",
        media=(IMAGE,),
        fetches=False,
        tool_choice=False,
        several=False,
        unread=("logit_bias",),
    ),
    "llamacpp": Dialect(
        "llama.cpp",
        "llamacpp",
        Probe("/props", "default_generation_settings"),
        budget="thinking_budget_tokens",
        # It closes behind its streams without a word, and may do so after the next request has left (seen in Nov 2026).
        lasting=False,
    ),
    GENERIC: Dialect("a generic engine"),
}


def named_by(owners: Collection[object]) -> Name | None:
    """The dialect that the owners in a model list tell; None when they do not."""
    return next((name for name, dialect in DIALECTS.items() if dialect.owner and dialect.owner in owners), None)
