"""What each endpoint takes and gives, by the name of the function that serves it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial

from qwen_grpc.openai_json.jsontext import JsonObject
from qwen_grpc.v1 import chat_pb2, chats_pb2, embeddings_pb2, images_pb2, models_pb2, videos_pb2
from rest_shim import sse
from rest_shim.messages.body import Body, Prompt
from rest_shim.openapi import told
from rest_shim.openapi.told import Schema, given, objects, sent, struct, words
from rest_shim.responses.shapes import body_shape

JSON, FORM, HTML, ANY = "application/json", "multipart/form-data", "text/html", "application/octet-stream"
EVENTS = sse.HEADERS["content-type"].partition(";")[0]
LIMIT: JsonObject = {"name": "limit", "in": "query", "schema": {"type": "integer", "minimum": 1, "maximum": 100}}
AFTER: JsonObject = {"name": "after", "in": "query", "schema": told.TEXT}
ORDER: JsonObject = {"name": "order", "in": "query", "schema": words("asc", "desc")}


@dataclass(frozen=True, slots=True)
class Operation:
    """An endpoint's query, bodies and answers, these by media type."""

    takes: Mapping[str, Schema] = field(default_factory=dict)
    gives: Mapping[str, Schema] = field(default_factory=dict)
    query: tuple[JsonObject, ...] = ()
    needs_body: bool = True


def fixed(schema: JsonObject) -> Schema:
    """A schema that is at hand."""
    return lambda: schema


def answers(schema: Schema, takes: Schema | None = None, **more: Schema) -> Operation:
    """The usual endpoint: JSON in, JSON out. `form` is another body, `events` another answer."""
    bodies = {JSON: takes} if takes else {}
    bodies |= {FORM: more["form"]} if "form" in more else {}
    given_as = {JSON: schema} | ({EVENTS: more["events"]} if "events" in more else {})
    return Operation(bodies, given_as)


def listing(item: JsonObject, *query: JsonObject) -> Operation:
    """An endpoint that lists."""
    return Operation(gives={JSON: fixed(told.page(item))}, query=(LIMIT, AFTER, *query))


# What one event holds is told by docs/clients.md and docs/messages.md; OpenAPI 3.1 has no words for it.
STREAM = fixed({"description": "a stream of events"})
TOKEN = fixed(objects(token=told.TEXT))
VALIDITY = fixed(objects("valid", valid=told.SWITCH, reason=told.TEXT, user_id=told.TEXT, expires_at=told.NUMBER))
FRESH = fixed(objects("token", token=told.TEXT, expires_at=told.NUMBER))
PURGED = fixed(
    objects("deleted", deleted=told.maybe(told.NUMBER), chat_ids=told.array(told.TEXT)),
)
CHOSEN = fixed(objects(chat_id=told.TEXT, chat_ids=told.array(told.TEXT)))
PROMPT = fixed(
    objects(
        "model", "prompt", model=told.TEXT, prompt={"anyOf": [told.TEXT, told.array(told.TEXT)]}, stream=told.SWITCH
    )
)
PICTURES = told.array({"anyOf": [told.TEXT, objects(image_url=told.TEXT, file_id=told.TEXT)]})
UPLOAD = fixed(objects("file", "purpose", file=told.BINARY, purpose=told.TEXT))
EDITED = fixed(objects("prompt", prompt=told.TEXT, model=told.TEXT, image=told.BINARY, mask=told.BINARY))
FILMED = fixed(objects("prompt", prompt=told.TEXT, model=told.TEXT, input_reference=told.BINARY))
VIDEO = given(videos_pb2.Video)

OPERATIONS: Mapping[str, Operation] = {
    "welcome": answers(fixed(objects("name", name=told.TEXT, about=told.TEXT, endpoints=told.array(told.TEXT)))),
    "health": answers(fixed(told.ref("Health"))),
    "livez": answers(fixed(told.ref("Health"))),
    "readyz": answers(fixed(told.ref("Health"))),
    "get_openapi": answers(fixed(told.OBJECT)),
    "get_docs": Operation(gives={HTML: fixed(told.TEXT)}),
    "validate_token": Operation({JSON: TOKEN}, {JSON: VALIDITY}, needs_body=False),
    "refresh_token": Operation({JSON: TOKEN}, {JSON: FRESH}, needs_body=False),
    "list_models": answers(given(models_pb2.ListModelsResponse)),
    "get_model": answers(given(models_pb2.Model)),
    "complete_chat": answers(given(chat_pb2.CompleteChatResponse), sent(chat_pb2.CompleteChatRequest), events=STREAM),
    "complete_text": answers(told.completion, PROMPT, events=STREAM),
    "create_message": answers(told.message, struct(Body), events=STREAM),
    "count_tokens": answers(fixed(objects("input_tokens", input_tokens=told.NUMBER)), struct(Prompt)),
    "create_response": answers(told.response, lambda: body_shape().schema(), events=STREAM),
    "get_response": answers(told.response),
    "delete_response": answers(fixed(told.deleted("response"))),
    "cancel_response": answers(told.response),
    "list_input_items": listing(objects("type", type=told.TEXT), ORDER),
    "create_embeddings": answers(
        given(embeddings_pb2.CreateEmbeddingsResponse), sent(embeddings_pb2.CreateEmbeddingsRequest)
    ),
    "generate_images": answers(given(images_pb2.GenerateImagesResponse), partial(told.picture, "prompt")),
    "edit_images": answers(
        given(images_pb2.EditImagesResponse), partial(told.picture, "prompt", images=PICTURES), form=EDITED
    ),
    "generate_video": answers(fixed(told.OBJECT), sent(videos_pb2.CreateVideoRequest)),
    "create_video": answers(VIDEO, sent(videos_pb2.CreateVideoRequest), form=FILMED),
    "list_videos": Operation(gives={JSON: lambda: told.page(VIDEO())}, query=(LIMIT, AFTER, ORDER)),
    "get_video": answers(VIDEO),
    "delete_video": answers(fixed(told.deleted("video.deleted"))),
    "get_content": Operation(gives={ANY: fixed(told.BINARY)}),
    "upload_file": Operation({FORM: UPLOAD}, {JSON: told.file}),
    "list_files": listing(told.file(), ORDER),
    "get_file": answers(told.file),
    "delete_file": answers(fixed(told.deleted("file"))),
    "list_chats": Operation(gives={JSON: lambda: told.page(given(chats_pb2.Chat)())}, query=(LIMIT, AFTER)),
    "get_chat": answers(given(chats_pb2.Chat)),
    "delete_chat": answers(fixed(told.deleted("chat.deleted"))),
    "delete_chats": Operation({JSON: CHOSEN}, {JSON: PURGED}, needs_body=False),
}
