"""What is wrong with the tools of a request, before anybody is called."""

from collections.abc import Callable, Iterator, Sequence

from jsonschema import Draft7Validator
from jsonschema.exceptions import SchemaError
from jsonschema.validators import validator_for

from qwen_grpc.errors import InvalidParameter
from qwen_grpc.openai_json.jsontext import load_object
from qwen_grpc.tools.pairing import paired
from qwen_grpc.v1.chat_pb2 import CompleteChatRequest, FunctionTool, ToolChoice

# How many schemas are remembered as good: agents send the same ones with each request.
MAX_KNOWN = 4096
CHOSEN = "tool_choice.function.name"


class ToolChecks:
    """Checks requests; remembers the schemas that it found good, since to check one takes a millisecond."""

    def __init__(self, check: Callable[[str, str], None] | None = None, *, known: int = MAX_KNOWN) -> None:
        self._check = check or check_schema
        self._known = known
        self._good: dict[str, None] = {}

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
            self._check_schema(function.parameters_json, f"{path}.parameters")

    def _check_schema(self, text: str, path: str) -> None:
        if not text or text in self._good:
            return
        self._check(text, path)
        if len(self._good) >= self._known:
            del self._good[next(iter(self._good))]
        self._good[text] = None


def check_schema(text: str, path: str) -> None:
    """Raises `InvalidParameter` unless the text is a JSON Schema; `path` is where it stands in the request."""
    try:
        schema = load_object(text)
        # Without `$schema` draft 7 is the most that every schema in use agrees with.
        validator_for(schema, default=Draft7Validator).check_schema(schema)
    except SchemaError as error:
        field = path + error.json_path.removeprefix("$")
        raise InvalidParameter(f"{field} is not what JSON Schema allows there", field=field) from None
    except (ValueError, RecursionError) as error:
        raise InvalidParameter(f"{path} is not the text of a JSON Schema", field=path) from error


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
