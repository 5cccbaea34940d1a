"""From Anthropic's turns and blocks to chat messages."""

from collections.abc import Iterable, Sequence

from qwen_grpc.openai_json.jsontext import JsonObject, dump
from qwen_grpc.openai_json.kinds import exact_base64
from qwen_grpc.openai_json.overrides_chat import put_url
from qwen_grpc.v1 import chat_pb2 as pb
from qwen_grpc.v1.common_pb2 import Media
from rest_shim.errors import bad_request
from rest_shim.messages import body
from rest_shim.messages.body import blocks

Parts = list[pb.ContentPart]


def history(prompt: body.Prompt) -> list[tuple[pb.ChatMessage, str]]:
    """The system text and all turns, oldest first, each message with its path in the body."""
    messages = [(_said(pb.ROLE_SYSTEM, prompt.system, "system"), "system")] if prompt.system else []
    for at, turn in enumerate(prompt.messages):
        messages += _turn(turn, f"messages[{at}]")
    return messages


def _turn(turn: body.Turn, path: str) -> list[tuple[pb.ChatMessage, str]]:
    match turn.role:
        case "assistant":
            return [(_answered(turn.content, f"{path}.content"), path)]
        case "system":
            return [(_said(pb.ROLE_SYSTEM, turn.content, f"{path}.content"), path)]
        case "user":
            return _asked(turn.content, path)


def _said(role: pb.Role, content: str | list[JsonObject], path: str) -> pb.ChatMessage:
    """A message of text and media."""
    if isinstance(content, str):
        return pb.ChatMessage(role=role, content=content)
    return pb.ChatMessage(role=role, parts=_parts(content, path))


def _asked(content: str | list[JsonObject], path: str) -> list[tuple[pb.ChatMessage, str]]:
    """What came of calls, one message for each, and then what the user says.

    A result is text. Media in it follow in the user's message, which models
    look at.
    """
    if isinstance(content, str):
        return [(_said(pb.ROLE_USER, content, path), path)]
    results: list[tuple[pb.ChatMessage, str]] = []
    parts: Parts = []
    for block, where in blocks(content, f"{path}.content"):
        if isinstance(block, body.ToolResult):
            message, media = _result(block, where)
            results.append((message, where))
            parts += media
        else:
            parts += _part(block, where)
    said = [(pb.ChatMessage(role=pb.ROLE_USER, parts=parts), path)] if parts or not results else []
    return [*results, *said]


def _result(result: body.ToolResult, path: str) -> tuple[pb.ChatMessage, Parts]:
    parts = _parts(result.content or "", f"{path}.content")
    text = "\n".join(part.text for part in parts if part.HasField("text"))
    media = [part for part in parts if not part.HasField("text")]
    if media and not text:
        text = "The result follows in the next message."
    # Chat messages have no mark for a failure; the model has to read it.
    said = f"Error: {text}" if result.is_error else text
    return pb.ChatMessage(role=pb.ROLE_TOOL, tool_call_id=result.tool_use_id, content=said), media


def _answered(content: str | list[JsonObject], path: str) -> pb.ChatMessage:
    """What the model said. Blocks that only Anthropic's own servers make are nothing to read here."""
    message = pb.ChatMessage(role=pb.ROLE_ASSISTANT)
    found = [block for block, _ in blocks(content, path)]
    thought = "".join(block.thinking for block in found if isinstance(block, body.Thought))
    if thought:
        message.reasoning_content = thought
    calls = [block for block in found if isinstance(block, body.ToolUse)]
    message.tool_calls.extend(_call(block) for block in calls)
    text = "".join(block.text for block in found if isinstance(block, body.Text))
    if text or not calls:
        message.content = text
    return message


def _call(block: body.ToolUse) -> pb.ToolCall:
    return pb.ToolCall(id=block.id, name=block.name, arguments=dump(block.input).decode())


def _parts(content: str | list[JsonObject], path: str) -> Parts:
    return [part for block, where in blocks(content, path) for part in _part(block, where)]


def _part(block: body.Block | JsonObject, path: str) -> Parts:
    match block:
        case body.Text():
            return [pb.ContentPart(text=block.text)] if block.text else []
        case body.Image():
            return [pb.ContentPart(image=pb.ImagePart(media=_media(block.source, path)))]
        case body.Document():
            return _document(block, path)
        case body.SearchResult():
            return [pb.ContentPart(text=f"{block.title}\n{block.source}"), *_parts(block.content, f"{path}.content")]
        case dict():
            return [pb.ContentPart(raw_json=dump(block).decode())]
        case _:
            text = f"{path}: a block of this type cannot stand here"
            raise bad_request(path, text, "invalid_value")


def _document(block: body.Document, path: str) -> Parts:
    """A document. One that is text is said as text, which every model reads."""
    about = [text for text in (block.title, block.context) if text]
    match block.source:
        case body.PlainText():
            return [pb.ContentPart(text="\n\n".join([*about, block.source.data]))]
        case body.Nested():
            return [*_texts(about), *_parts(block.source.content, f"{path}.source.content")]
        case source:
            file = _media(source, path)
            file.filename = block.title or ""
            return [pb.ContentPart(file=file), *_texts(about[bool(block.title) :])]


def _texts(texts: Sequence[str]) -> Iterable[pb.ContentPart]:
    return (pb.ContentPart(text=text) for text in texts)


def _media(source: body.Base64 | body.Address | body.Uploaded, path: str) -> Media:
    match source:
        case body.Base64():
            data = exact_base64(source.data)
            if not data:
                text = f"{path}.source.data has to be base64 that is not empty"
                raise bad_request(f"{path}.source.data", text, "invalid_value")
            return Media(data=data, mime_type=source.media_type)
        case body.Address():
            media = Media()
            put_url(media, source.url)
            return media
        case body.Uploaded():
            return Media(file_id=source.file_id)
