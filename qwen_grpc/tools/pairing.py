"""Which call each tool message answers."""

from collections.abc import Sequence

from qwen_grpc.errors import InvalidParameter
from qwen_grpc.v1.chat_pb2 import ROLE_ASSISTANT, ROLE_TOOL, ChatMessage


def paired(messages: Sequence[ChatMessage]) -> dict[int, int]:
    """The number of its call, counted over all messages, for the index of each tool message.

    An id that a call has decides. Some clients send none, or ids that they
    made shorter: those get the first call that has no result yet. Raises
    `InvalidParameter` for a result when there is no such call.
    """
    numbers: dict[str, int] = {}
    open_: list[int] = []
    found: dict[int, int] = {}
    count = 0
    for at, message in enumerate(messages):
        if message.role == ROLE_ASSISTANT:
            for call in message.tool_calls:
                numbers[call.id] = count
                open_.append(count)
                count += 1
        elif message.role == ROLE_TOOL:
            number = numbers.get(message.tool_call_id) if message.tool_call_id else None
            found[at] = _next(open_, at) if number is None else number
            if found[at] in open_:
                open_.remove(found[at])
    return found


def _next(open_: Sequence[int], at: int) -> int:
    if not open_:
        field = f"messages[{at}].tool_call_id"
        text = f"{field} names no call: a tool message follows an assistant message whose tool_calls have its id"
        raise InvalidParameter(text, field=field)
    return open_[0]
