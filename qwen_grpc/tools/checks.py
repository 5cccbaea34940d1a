"""What is wrong with the tools of a request, before anybody is called."""

from collections.abc import Iterator, Sequence

from qwen_grpc.errors import InvalidParameter
from qwen_grpc.schemas import Schemas
from qwen_grpc.tools.pairing import paired
from qwen_grpc.v1.chat_pb2 import CompleteChatRequest, FunctionTool, ToolChoice

CHOSEN = "tool_choice.function.name"


class ToolChecks:
    """Checks requests; their schemas are those that `schemas` remembers or finds good."""

    def __init__(self, schemas: Schemas) -> None:
        self._schemas = schemas

    def check(self, request: CompleteChatRequest) -> None:
        """Raises `InvalidParameter` with the path of the first member that is wrong."""
        if request.tools:
            self._check_functions(list(_functions(request)))
        _check_choice(request)
        paired(request.messages)

    def _check_functions(self, functions: Sequence[tuple[str, FunctionTool]]) -> None:
        names: set[str] = set()
        for path, function in functions:
            if not function.name:
                raise InvalidParameter(f"{path}.name is missing", field=f"{path}.name")
            if function.name in names:
                text = f"{path}.name is that of another tool too: each one needs a name of its own"
                raise InvalidParameter(text, field=f"{path}.name")
            names.add(function.name)
            if function.parameters_json:
                self._schemas.check(function.parameters_json, f"{path}.parameters")


def _functions(request: CompleteChatRequest) -> Iterator[tuple[str, FunctionTool]]:
    for at, tool in enumerate(request.tools):
        if tool.WhichOneof("tool") == "function":
            yield f"tools[{at}].function", tool.function


def _check_choice(request: CompleteChatRequest) -> None:
    name = request.tool_choice.function_name
    if name and all(function.name != name for _, function in _functions(request)):
        raise InvalidParameter(f"{CHOSEN} names no function that is in tools", field=CHOSEN)
    if request.tool_choice.mode == ToolChoice.MODE_REQUIRED and not request.tools:
        text = "tool_choice is required and there are no tools: send tools, or leave tool_choice away"
        raise InvalidParameter(text, field="tool_choice")
