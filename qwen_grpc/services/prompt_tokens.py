"""How many tokens a chat request has the model read."""

from collections.abc import Sequence
from dataclasses import replace

from qwen_grpc.counting import Count, Counter
from qwen_grpc.tools.history import instructed, plain
from qwen_grpc.tools.prompt import functions_of, instruction, text_of
from qwen_grpc.v1.chat_pb2 import ChatMessage, CompleteChatRequest

# The frame around each message and the beginning of the answer, as recorded in October 2026: calls with one message
# had 8 tokens more than its text.
MESSAGE_TOKENS = 5
ANSWER_TOKENS = 3
# A picture of a megapixel; for other media it stands for want of anything better.
MEDIUM_TOKENS = 1280


def prompt_tokens(request: CompleteChatRequest, model: str, counter: Counter) -> Count:
    """The tokens of messages and functions, these in words, as Qwen's models are trained to read them.

    `model` is the upstream's own id. Raises `InvalidParameter` for a result
    of a tool that nobody called.
    """
    messages = _rendered(request)
    text = counter.count(model, map(text_of, messages))
    media = sum(1 for message in messages for part in message.parts if part.WhichOneof("part") != "text")
    frame = MESSAGE_TOKENS * len(messages) + ANSWER_TOKENS
    return replace(text, tokens=text.tokens + frame + MEDIUM_TOKENS * media, estimated=text.estimated or media > 0)


def _rendered(request: CompleteChatRequest) -> Sequence[ChatMessage]:
    messages = plain(request.messages)
    functions = functions_of(request)
    return instructed(messages, instruction(functions, request)) if functions else messages
