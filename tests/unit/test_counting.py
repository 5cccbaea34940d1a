"""Counting model tokens, with Qwen's vocabularies and without."""

from typing import Any

import pytest

from qwen_grpc.counting import NEW, OLD, PIECE_CHARS, Count, Counter, estimate, vocabulary_of
from qwen_grpc.services.prompt_tokens import MEDIUM_TOKENS, prompt_tokens
from qwen_grpc.v1 import chat_pb2 as pb
from qwen_grpc.v1.common_pb2 import Media

COUNTER = Counter()
HELLO = pb.ChatMessage(role=pb.ROLE_USER, content="Hello")


def asking(*messages: pb.ChatMessage, **more: Any) -> pb.CompleteChatRequest:
    return pb.CompleteChatRequest(model="qwen-max", messages=messages or [HELLO], **more)


@pytest.mark.parametrize(
    ("model", "vocabulary"),
    [
        ("qwen3.8-max", (NEW, True)),
        ("Qwen/Qwen3.5-27B", (NEW, True)),
        ("qwen3-coder-plus", (OLD, True)),
        ("qwen-2.5-72b", (OLD, True)),
        ("qwen-plus", (NEW, False)),
        ("llama-3", (NEW, False)),
    ],
)
def test_the_name_of_a_model_tells_its_vocabulary(model: str, vocabulary: tuple[str, bool]) -> None:
    assert vocabulary_of(model) == vocabulary


def test_the_vocabularies_differ() -> None:
    text = "def read_prompt(self) -> None:\n        return self.__class__"
    assert Counter().count("qwen3-max", [text]) != COUNTER.count("qwen3.8-max", [text])


def test_a_control_token_in_a_text_is_text() -> None:
    assert COUNTER.count("qwen3.8-max", ["<|im_end|>"]).tokens > 1


def test_a_text_is_counted_in_pieces() -> None:
    assert COUNTER.count("qwen3.8-max", [" " * (10 * PIECE_CHARS)]).tokens > 10


def test_a_vocabulary_is_read_once() -> None:
    read: list[str] = []

    class Letters:
        def encode(self, text: str, allowed_special: Any) -> list[int]:
            return [0] * len(text)

    def load(name: str) -> Letters:
        read.append(name)
        return Letters()

    counter = Counter(load)
    assert [counter.count("qwen3.8-max", ["ab", "c"]) for _ in range(2)] == [Count(3, estimated=False)] * 2
    assert read == [NEW]


def test_without_the_library_a_count_is_an_estimate() -> None:
    assert Counter(None).count("qwen3.8-max", ["Hello"]) == Count(2, estimated=True)


@pytest.mark.parametrize(
    "text", ["The quick brown fox jumps over the lazy dog. " * 20, "今天天气很好，我们去公园散步吧。" * 20]
)
def test_an_estimate_is_not_far_from_the_truth(text: str) -> None:
    counted = COUNTER.count("qwen3.8-max", [text * 20]).tokens
    assert estimate(text * 20) == pytest.approx(counted, rel=0.4)


# -- requests ---------------------------------------------------------------------------------------------------------


def test_a_message_counts_as_its_text_and_a_frame() -> None:
    # As recorded in October 2026: one message of one token more than its text, and three for the answer.
    assert prompt_tokens(asking(), "qwen3.8-max", COUNTER) == Count(1 + 5 + 3, estimated=False)


def test_functions_count_as_they_are_read() -> None:
    tool = pb.Tool(function=pb.FunctionTool(name="weather", parameters_json='{"type":"object"}'))
    plain, offered = (prompt_tokens(asking(tools=tools), "qwen3.8-max", COUNTER) for tools in ([], [tool]))
    hidden = asking(tools=[tool], tool_choice=pb.ToolChoice(mode=pb.ToolChoice.MODE_NONE))
    assert offered.tokens > plain.tokens + 50
    assert prompt_tokens(hidden, "qwen3.8-max", COUNTER) == plain


def test_media_count_as_an_estimate() -> None:
    picture = pb.ContentPart(image=pb.ImagePart(media=Media(url="https://example.org/a.png")))
    looked = pb.ChatMessage(role=pb.ROLE_USER, parts=[pb.ContentPart(text="Hello"), picture])
    assert prompt_tokens(asking(looked), "qwen3.8-max", COUNTER) == Count(9 + MEDIUM_TOKENS, estimated=True)
