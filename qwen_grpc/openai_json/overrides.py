"""The table of what OpenAI's JSON and our messages do not have in common; all else is named alike."""

from collections.abc import Mapping
from functools import partial
from typing import Any

from google.protobuf.descriptor import FieldDescriptor

from qwen_grpc.openai_json import overrides_chat as chat
from qwen_grpc.openai_json import overrides_embeddings as embeddings
from qwen_grpc.openai_json import overrides_images as images
from qwen_grpc.openai_json import overrides_videos as videos
from qwen_grpc.openai_json.fields import checked, default_field, fields_of, mended, one_or_more, scalar
from qwen_grpc.openai_json.jsontext import JsonObject, dump, load
from qwen_grpc.openai_json.kinds import BOOLEAN, OBJECT, STRING, Kind, check_kind, kind_of, word_kind, wrong_type
from qwen_grpc.openai_json.overrides_chat import FieldRule, inline, renamed
from qwen_grpc.openai_json.shapes import Always, Field, Member, Shape, ShapeOf, check_needed, check_optional


def include_usage(field: FieldDescriptor, shape_of: ShapeOf) -> Field:
    """`stream_options.include_usage`; the object is held exactly only if it says just this."""
    usual = default_field(field, shape_of)
    shape = Shape()
    shape.add(field.number, usual)

    def read(message: Any, value: Any) -> bool:
        return type(value) is dict and shape.fill(message, value) and bool(value)

    def write(message: Any, out: JsonObject, _: JsonObject) -> None:
        out["stream_options"] = shape.write(message)

    return Field({"stream_options": Member(read, checked(shape), shape.told)}, write)


def tool_choice(field: FieldDescriptor, _: ShapeOf) -> Field:
    """A word, a named function, or another object, which is kept as text."""
    words = kind_of(fields_of(field)["mode"])
    function = Shape(needs=("name",))
    function.notice("name", STRING)

    def read(message: Any, value: Any) -> bool:
        if type(value) is str:
            return _read_word(message.tool_choice, words, value)
        if type(value) is not dict:
            return False
        _read_choice(message.tool_choice, value)
        return True

    def check(value: Any, path: str) -> None:
        if type(value) is str:
            check_kind(words, value, path)
        elif value is not None and type(value) is not dict:
            raise wrong_type(value, path, "a string or an object")
        elif value is not None and value.get("type") == "function":
            check_needed(value, "function", f"{path}.function")
            checked(function)(value["function"], f"{path}.function")

    told = {"anyOf": [dict(words.schema), {"type": "object"}]}
    return Field({"tool_choice": Member(read, check, lambda: told)}, partial(_write_choice, words))


def thinking(field: FieldDescriptor, shape_of: ShapeOf) -> Field:
    """Qwen's and OpenAI's words, and the shapes of Anthropic, OpenRouter and vLLM for the same."""
    inner = fields_of(field)
    enabled = default_field(inner["enabled"], shape_of, "enable_thinking")
    budget = default_field(inner["budget_tokens"], shape_of, "thinking_budget")
    effort = default_field(inner["effort"], shape_of, "reasoning_effort")
    switch, limit = enabled.members["enable_thinking"], budget.members["thinking_budget"]
    words = scalar(inner["enabled"], "type", word_kind({"enabled": True, "disabled": False})).members["type"]
    # Newer words leave it open.
    word = Member(words.read, lambda value, path: check_optional(STRING, value, path), lambda: dict(STRING.schema))
    aliases = {
        "chat_template_kwargs": inside({"enable_thinking": switch, "thinking_budget": limit}),
        "reasoning": inside({"effort": effort.members["reasoning_effort"], "enabled": switch, "max_tokens": limit}),
        "thinking": inside({"type": word, "budget_tokens": limit}),
    }
    return spellings(field, {"enabled": enabled, "budget_tokens": budget, "effort": effort}, aliases)


def search(field: FieldDescriptor, shape_of: ShapeOf) -> Field:
    """Qwen's `enable_search` and `search_options`; OpenAI's `web_search_options` asks for a search by being there."""
    inner = fields_of(field)
    enabled = default_field(inner["enabled"], shape_of, "enable_search")
    options = default_field(inner["options_json"], shape_of, "search_options")

    def read(message: Any, value: Any) -> bool:
        if options.members["search_options"].read(message, value):
            message.enabled = True
        return False

    alias = Member(read, lambda value, path: check_optional(OBJECT, value, path), lambda: dict(OBJECT.schema))
    return spellings(field, {"enabled": enabled, "options_json": options}, {"web_search_options": alias})


def inside(members: Mapping[str, Member]) -> Member:
    """An object of which only these members are understood; it is always kept."""

    def read(message: Any, value: Any) -> bool:
        if type(value) is dict:
            for name in members.keys() & value.keys():
                members[name].read(message, value[name])
        return False

    def check(value: Any, path: str) -> None:
        check_optional(OBJECT, value, path)
        for name in members.keys() & (value or {}).keys():
            members[name].check(value[name], f"{path}.{name}")

    def schema() -> JsonObject:
        return {"type": "object", "properties": {name: member.schema() for name, member in members.items()}}

    return Member(read, check, schema)


def spellings(field: FieldDescriptor, canonical: Mapping[str, Field], aliases: Mapping[str, Member]) -> Field:
    """A message whose fields are members of the object around it, each by its own name or by an alias.

    When an alias is used, all members of the group are kept as they were and
    none is written from the typed fields. The canonical members win over the
    aliases, later aliases over earlier ones.
    """
    attribute = field.name
    own = {name: member for one in canonical.values() for name, member in one.members.items()}
    group = {**aliases, **own}

    def adopt(message: Any, left: JsonObject) -> None:
        used = [name for name in group if name in left]
        aliased = any(name in aliases for name in used)
        exact = [name for name in used if group[name].read(getattr(message, attribute), left[name])]
        for name in [] if aliased else exact:
            del left[name]

    def write(message: Any, out: JsonObject, extra: JsonObject) -> None:
        if extra.keys().isdisjoint(aliases):
            options = getattr(message, attribute)
            for one, _ in options.ListFields():
                canonical[one.name].write(options, out, extra)

    left = {name: Member(_leave, member.check, member.schema) for name, member in group.items()}
    return Field(left, write, adopt)


def _leave(_: Any, __: Any) -> bool:
    # Left for `adopt`, which sees all members of the group together.
    return False


def _read_word(choice: Any, words: Kind, value: str) -> bool:
    try:
        choice.mode = words.take(value)
    except ValueError:
        return False
    return True


def _read_choice(choice: Any, value: JsonObject) -> None:
    function = value.get("function")
    name = function.get("name") if type(function) is dict else None
    if type(name) is str and mended(name) == name and value == _named(name):
        choice.function_name = name
    else:
        choice.raw_json = dump(value).decode()


def _write_choice(words: Kind, message: Any, out: JsonObject, _: JsonObject) -> None:
    choice = message.tool_choice
    match choice.WhichOneof("choice"):
        case "mode" if words.show:
            out["tool_choice"] = words.show(choice.mode)
        case "function_name":
            out["tool_choice"] = _named(choice.function_name)
        case "raw_json":
            out["tool_choice"] = load(choice.raw_json)
        case _:
            pass


def _named(name: str) -> JsonObject:
    return {"type": "function", "function": {"name": name}}


# Members of a field that differ from `default_field`, by message and field.
FIELDS: Mapping[str, FieldRule] = {
    "CompleteChatRequest.stop": one_or_more,
    "CompleteChatRequest.include_usage": include_usage,
    "CompleteChatRequest.tool_choice": tool_choice,
    "CompleteChatRequest.thinking": thinking,
    "CompleteChatRequest.search": search,
    "ChatMessage.content": chat.content,
    "ChatMessage.parts": chat.parts,
    "ChatMessage.reasoning_content": chat.reasoning_content,
    "ContentPart.file": chat.file,
    "ContentPart.video": chat.video,
    "ImagePart.media": chat.image_media,
    "AudioPart.media": chat.audio_media,
    "ToolCall.name": inline("function", ("name", "arguments"), lambda: {"name": "", "arguments": ""}),
    "ToolCall.arguments": inline("function", ("name", "arguments"), lambda: {"name": "", "arguments": ""}),
    # Only the first piece of a call has a name: clients join repeated ones.
    "ToolCallDelta.name": inline("function", ("name", "arguments"), lambda: {"arguments": ""}),
    "ToolCallDelta.arguments": inline("function", ("name", "arguments"), lambda: {"arguments": ""}),
    "TokenLogprob.utf8": chat.token_bytes,
    "TokenLogprob.top": chat.top_logprobs,
    "Usage.cached_tokens": inline("prompt_tokens_details", ("cached_tokens",)),
    "Usage.reasoning_tokens": inline("completion_tokens_details", ("reasoning_tokens",)),
    "Model.create_time": renamed("created"),
    "ListModelsResponse.models": renamed("data"),
    "CreateEmbeddingsRequest.input": embeddings.texts,
    "CreateEmbeddingsResponse.embeddings": renamed("data"),
    "CreateEmbeddingsResponse.usage": embeddings.usage,
    "Embedding.values": embeddings.vector,
    "ImageOptions.format": images.response_format,
    "Image.data": renamed("b64_json"),
    "GenerateImagesResponse.images": renamed("data"),
    "EditImagesResponse.images": renamed("data"),
    "CreateVideoRequest.seconds": videos.seconds,
    "Video.state": videos.status,
    "Video.create_time": renamed("created_at"),
    "Video.complete_time": renamed("completed_at"),
    "Video.expire_time": renamed("expires_at"),
    "Video.seconds": videos.seconds,
    "VideoError.reason": renamed("code"),
    "Chat.create_time": renamed("created_at"),
    "Chat.update_time": renamed("updated_at"),
    "StoredMessage.create_time": renamed("created_at"),
}

# Objects with a `type`: the oneof that holds the rest, and the field of each type.
VARIANTS: Mapping[str, tuple[str, Mapping[str, str]]] = {
    "ContentPart": (
        "part",
        {
            "text": "text",
            "image_url": "image",
            "input_audio": "audio",
            "video_url": "video",
            "video": "video",
            "file": "file",
            "refusal": "refusal",
        },
    ),
    "Tool": ("tool", {"function": "function"}),
    "Annotation": ("annotation", {"url_citation": "url_citation"}),
}

# Members without which `check` refuses an object.
NEEDS: Mapping[str, tuple[str, ...]] = {
    "CompleteChatRequest": ("model", "messages"),
    "ChatMessage": ("role",),
    "ImagePart": ("url",),
    "AudioPart": ("data",),
    "FunctionTool": ("name",),
    "ResponseFormat": ("type",),
    "CreateEmbeddingsRequest": ("model", "input"),
    "GenerateImagesRequest": ("prompt",),
    "EditImagesRequest": ("prompt",),
    "CreateVideoRequest": ("prompt",),
    "ResponseFormat.JsonSchema": ("name",),
}

# Members that no field holds, whose type `check` looks at nevertheless.
NOTICED: Mapping[str, Mapping[str, Kind]] = {"CompleteChatRequest": {"stream": BOOLEAN}}

# What OpenAI's clients expect in every answer, with the value that means nothing.
ALWAYS: Mapping[str, Always] = {
    "CompleteChatResponse": lambda: {"id": "", "object": "chat.completion", "created": 0, "model": "", "choices": []},
    "StreamStart": lambda: {"id": "", "object": "chat.completion.chunk", "created": 0, "model": ""},
    "Choice": lambda: {"index": 0, "logprobs": None, "finish_reason": None},
    "ChatMessage": lambda: {"role": "assistant", "content": None, "refusal": None},
    "ToolCall": lambda: {"id": "", "type": "function"},
    "ToolCallDelta": lambda: {"index": 0},
    "Logprobs": lambda: {"content": None, "refusal": None},
    "TokenLogprob": lambda: {"token": "", "logprob": 0.0, "bytes": None, "top_logprobs": []},
    "Annotation.UrlCitation": lambda: {"url": "", "title": "", "start_index": 0, "end_index": 0},
    "Usage": lambda: {"prompt_tokens": 0, "completion_tokens": 0, "total_tokens": 0},
    "Model": lambda: {"id": "", "object": "model", "created": 0, "owned_by": ""},
    "ListModelsResponse": lambda: {"object": "list", "data": []},
    "CreateEmbeddingsResponse": lambda: {"object": "list", "data": [], "model": ""},
    "Embedding": lambda: {"object": "embedding", "index": 0, "embedding": []},
    "GenerateImagesResponse": lambda: {"created": 0, "data": []},
    "EditImagesResponse": lambda: {"created": 0, "data": []},
    "Video": videos.empty_video,
    "Chat": lambda: {"id": "", "object": "chat", "title": "", "pinned": False},
    "StoredMessage": lambda: {"id": "", "parent_id": None},
}
