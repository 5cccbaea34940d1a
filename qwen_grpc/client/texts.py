"""Short ways to what most callers look for in an answer."""

from qwen_grpc.typed.qwen.v1 import CompleteChatResponse, StreamChatResponse


def text_of(answer: CompleteChatResponse | StreamChatResponse) -> str:
    """The text of the first choice, of a whole answer or of a message of a streamed one; empty when there is none."""
    if isinstance(answer, CompleteChatResponse):
        texts = [choice.message.content for choice in answer.choices if choice.message and choice.index == 0]
    else:
        texts = [delta.content for delta in answer.deltas if delta.index == 0]
    return "".join(text or "" for text in texts)
