"""From a body of `/v1/messages` to the request that all dialects share."""

from qwen_grpc.openai_json.jsontext import dump
from qwen_grpc.v1 import chat_pb2 as pb
from rest_shim.errors import bad_request
from rest_shim.messages import body
from rest_shim.messages.history import history

# Anthropic's own tools bear a date. The search is the one that models here know too.
_SEARCH = "web_search_"
_MODES = {
    "auto": pb.ToolChoice.MODE_AUTO,
    "any": pb.ToolChoice.MODE_REQUIRED,
    "none": pb.ToolChoice.MODE_NONE,
}


def read(asked: body.Body) -> pb.CompleteChatRequest:
    """The whole request."""
    request = read_prompt(asked)
    request.max_completion_tokens = asked.max_tokens
    request.stop.extend(asked.stop_sequences or ())
    if asked.temperature is not None:
        request.temperature = asked.temperature
    if asked.top_p is not None:
        request.top_p = asked.top_p
    if asked.top_k is not None:
        request.top_k = asked.top_k
    if asked.metadata and asked.metadata.user_id:
        request.user = asked.metadata.user_id
    return request


def read_prompt(prompt: body.Prompt) -> pb.CompleteChatRequest:
    """What the model is to read, and how it is to answer."""
    request = pb.CompleteChatRequest(model=prompt.model, messages=[message for message, _ in history(prompt)])
    request.tools.extend(pb.Tool(function=_function(tool, path)) for tool, path in functions(prompt))
    if any(_is_search(tool) for tool in prompt.tools or ()):
        request.search.enabled = True
    if request.tools:
        # Anthropic's models call several tools at once unless they are told not to.
        request.parallel_tool_calls = not (prompt.tool_choice and prompt.tool_choice.disable_parallel_tool_use)
    if prompt.tool_choice:
        request.tool_choice.CopyFrom(_tool_choice(prompt.tool_choice))
    if prompt.thinking:
        request.thinking.CopyFrom(_thinking(prompt.thinking, prompt.output_config))
    form = (prompt.output_config and prompt.output_config.format) or prompt.output_format
    if form:
        request.response_format.CopyFrom(_response_format(form))
    return request


def functions(prompt: body.Prompt) -> list[tuple[body.Tool, str]]:
    """The tools that the client runs, each with its path in the body."""
    found = [(tool, f"tools[{at}]") for at, tool in enumerate(prompt.tools or ()) if not _is_search(tool)]
    for tool, path in found:
        if tool.type not in (None, "custom"):
            text = f"{path}.type: only Anthropic's models know this tool; describe it with a name and an input_schema"
            raise bad_request(f"{path}.type", text, "invalid_value")
    return found


def _is_search(tool: body.Tool) -> bool:
    return tool.type is not None and tool.type.startswith(_SEARCH)


def _function(tool: body.Tool, path: str) -> pb.FunctionTool:
    if tool.input_schema is None:
        raise bad_request(f"{path}.input_schema", f"{path}.input_schema is missing", "missing_required_parameter")
    function = pb.FunctionTool(name=tool.name, parameters_json=dump(tool.input_schema).decode())
    if tool.description is not None:
        function.description = tool.description
    if tool.strict is not None:
        function.strict = tool.strict
    return function


def _tool_choice(choice: body.ToolChoice) -> pb.ToolChoice:
    if choice.type != "tool":
        return pb.ToolChoice(mode=_MODES[choice.type])
    if not choice.name:
        raise bad_request("tool_choice.name", "tool_choice.name is missing", "missing_required_parameter")
    return pb.ToolChoice(function_name=choice.name)


def _thinking(thinking: body.Thinking, output: body.OutputConfig | None) -> pb.ThinkingOptions:
    """`adaptive` leaves it to the model, or to the effort if that is given."""
    effort = (output and output.effort) or ""
    match thinking.type:
        case "disabled":
            return pb.ThinkingOptions(enabled=False)
        case "adaptive":
            return pb.ThinkingOptions(effort=effort or "auto")
        case "enabled":
            return pb.ThinkingOptions(enabled=True, budget_tokens=thinking.budget_tokens, effort=effort)
        case _:
            text = "thinking.type: expected 'enabled', 'adaptive' or 'disabled'"
            raise bad_request("thinking.type", text, "invalid_value")


def _response_format(form: body.Format) -> pb.ResponseFormat:
    schema = pb.ResponseFormat.JsonSchema(name="answer", schema_json=dump(form.schema_).decode(), strict=True)
    return pb.ResponseFormat(type=pb.ResponseFormat.TYPE_JSON_SCHEMA, json_schema=schema)
