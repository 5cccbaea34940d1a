"""The instruction that offers functions to a model in words.

Qwen's models were trained to read `<tools>` with one JSON object per line and
to answer with `<tool_call>`; the words around them are ours.
"""

from collections.abc import Sequence

from qwen_grpc.errors import Unsupported
from qwen_grpc.openai_json.codec import REQUESTS
from qwen_grpc.openai_json.jsontext import dump
from qwen_grpc.tools.markup import CALL, CALL_END, RESPONSE, RESPONSE_END, TOOLS, TOOLS_END
from qwen_grpc.v1.chat_pb2 import ChatMessage, CompleteChatRequest, Tool, ToolChoice

FORM = """\
# Tools

You can call functions. Each line within {TOOLS}{TOOLS_END} describes one:
{TOOLS}
{tools}
{TOOLS_END}

To call a function, write its name and its arguments as one JSON object within {CALL}{CALL_END}:
{CALL}
{{"name": "<name of the function>", "arguments": {{"<name of an argument>": <its value>}}}}
{CALL_END}
Write calls at the end of your answer, never inside of a code block, and nothing behind them.
The results come in the next message within {RESPONSE}{RESPONSE_END}. Wait for them, and never write them yourself.
{number} {choice}"""
SEVERAL = "One answer may hold several calls, each in tags of its own."
ONE = "One answer may hold one call at most."
AS_NEEDED = "Call functions where they help, and answer in plain words where they do not."
REQUIRED = "This answer has to hold a call."
NAMED = "This answer has to be a call of the function {name}."


def functions_of(request: CompleteChatRequest) -> list[Tool]:
    """The functions that the model may call; none when the caller chose none."""
    if request.tool_choice.mode == ToolChoice.MODE_NONE:
        return []
    return [tool for tool in request.tools if tool.WhichOneof("tool") == "function"]


def several(request: CompleteChatRequest) -> bool:
    """Whether one answer may hold several calls: unless the caller says no."""
    return request.parallel_tool_calls or not request.HasField("parallel_tool_calls")


def instruction(functions: Sequence[Tool], request: CompleteChatRequest) -> str:
    """The text that offers these functions as the request wants it."""
    lines = "\n".join(dump(REQUESTS.write(function)).decode() for function in functions)
    number = SEVERAL if several(request) else ONE
    return FORM.format(tools=lines, number=number, choice=_choice(request.tool_choice), **_TAGS)


_TAGS = {
    "TOOLS": TOOLS,
    "TOOLS_END": TOOLS_END,
    "CALL": CALL,
    "CALL_END": CALL_END,
    "RESPONSE": RESPONSE,
    "RESPONSE_END": RESPONSE_END,
}


def _choice(choice: ToolChoice) -> str:
    match choice.WhichOneof("choice"):
        case "function_name":
            return NAMED.format(name=choice.function_name)
        case "raw_json":
            text = "this form of tool_choice is not served here: expected auto, none, required or a named function"
            raise Unsupported(text, field="tool_choice")
        case _:
            return REQUIRED if choice.mode == ToolChoice.MODE_REQUIRED else AS_NEEDED


def joined(*texts: str) -> str:
    """Texts as paragraphs; empty ones are left out."""
    return "\n\n".join(text for text in texts if text)


def text_of(message: ChatMessage) -> str:
    """The words of a message."""
    return message.content or "\n".join(part.text for part in message.parts if part.WhichOneof("part") == "text")
