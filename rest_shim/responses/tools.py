"""Tools, the choice among them and the form of the answer, in chat's words."""

from collections.abc import Sequence
from typing import Any

from qwen_grpc.openai_json.jsontext import JsonObject
from qwen_grpc.openai_json.kinds import InvalidBody, wrong_type
from rest_shim.responses.shapes import format_shape, objects, tool_shape, typed

WORDS = ("none", "auto", "required")
# The upstream's own search, by the names that this tool has had.
SEARCHES = ("web_search", "web_search_preview")


def tools_of(value: Any) -> list[JsonObject]:
    """The tools that are served: functions, and the upstream's own search. Others are left out."""
    return [tool for tool in (_tool(*pair) for pair in enumerate(objects(value, "tools"))) if tool]


def choice_of(value: Any, tools: Sequence[JsonObject]) -> tuple[Any, list[JsonObject]]:
    """The choice in chat's words, and the tools that it leaves. Raises `InvalidBody` for one that cannot be made."""
    if value is None or isinstance(value, str):
        return _word(value, tools), list(tools)
    if not isinstance(value, dict):
        raise wrong_type(value, "tool_choice", "a string or an object")
    match typed(value, "tool_choice"):
        case "function" | "custom":
            name = _named(value, tools, "tool_choice")
            return {"type": "function", "function": {"name": name}}, list(tools)
        case "allowed_tools":
            return _allowed(value, tools)
        case kind if any(kind == tool["type"] for tool in tools):
            return "auto", list(tools)
        case _:
            raise _refused("tool_choice.type", "tool_choice.type names a kind of tool that is not served here")


def format_of(value: Any) -> JsonObject:
    """`text` as members of a chat request."""
    text = value or {}
    found: JsonObject = {"verbosity": text["verbosity"]} if text.get("verbosity") else {}
    form = text.get("format")
    if form is None:
        return found
    if not isinstance(form, dict):
        raise wrong_type(form, "text.format", "an object")
    format_shape().check(form, "text.format")
    match form["type"]:
        case "text" | "json_object":
            return {**found, "response_format": {"type": form["type"]}}
        case "json_schema":
            return {**found, "response_format": {"type": "json_schema", "json_schema": _schema(form)}}
        case _:
            raise _refused("text.format.type", "text.format.type is unknown: expected text, json_object or json_schema")


def _tool(at: int, tool: JsonObject) -> JsonObject | None:
    path = f"tools[{at}]"
    kind = typed(tool, path)
    # A search that may not leave the provider's own cache is none that could be had here.
    if kind.startswith(SEARCHES) and tool.get("external_web_access") is not False:
        return {"type": SEARCHES[0]}
    if kind != "function":
        return None
    if "name" not in tool and isinstance(tool.get("function"), dict):
        return tool
    tool_shape().check(tool, path)
    told = {name: tool.get(name) for name in ("name", "description", "parameters", "strict")}
    return {"type": "function", "function": {name: value for name, value in told.items() if value is not None}}


def _word(value: str | None, tools: Sequence[JsonObject]) -> str | None:
    if value is not None and value not in WORDS:
        choices = ", ".join(f"'{word}'" for word in WORDS)
        text = f"Invalid value for 'tool_choice': expected one of {choices}, or an object."
        raise InvalidBody("tool_choice", text, "invalid_value")
    if value == "required" and not tools:
        raise _refused("tool_choice", "tool_choice is required, and none of the tools is served here")
    return value if tools else None


def _allowed(value: JsonObject, tools: Sequence[JsonObject]) -> tuple[Any, list[JsonObject]]:
    """Only some of the tools: the others are not sent, which every upstream obeys."""
    path = "tool_choice.tools"
    allowed = objects(value.get("tools"), path)
    names = {_named(one, tools, f"{path}[{at}]") for at, one in enumerate(allowed) if one.get("type") == "function"}
    left = [tool for tool in tools if tool.get("function", {}).get("name") in names]
    return _word(value.get("mode") or "auto", left), left


def _named(choice: JsonObject, tools: Sequence[JsonObject], path: str) -> str:
    name = choice.get("name")
    if name not in [tool.get("function", {}).get("name") for tool in tools]:
        raise _refused(f"{path}.name", f"{path}.name is none of the functions in tools")
    return str(name)


def _schema(form: JsonObject) -> JsonObject:
    told = {name: form.get(name) for name in ("name", "description", "schema", "strict")}
    if told["schema"] is None or not told["name"]:
        missing = "text.format.schema" if told["name"] else "text.format.name"
        raise InvalidBody(missing, f"Missing required parameter: '{missing}'.", "missing_required_parameter")
    return {name: item for name, item in told.items() if item is not None}


def _refused(path: str, text: str) -> InvalidBody:
    return InvalidBody(path, text, "invalid_value")
