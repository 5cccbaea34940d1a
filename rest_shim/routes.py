"""The table of REST endpoints."""

import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from sanic import HTTPResponse

from rest_shim.chats import delete_chat, delete_chats, get_chat, list_chats
from rest_shim.completions import complete_chat
from rest_shim.embeddings import create_embeddings
from rest_shim.files import delete_file, get_file, list_files, upload_file
from rest_shim.images import MAX_EDIT_BYTES, edit_images, generate_images
from rest_shim.messages.endpoints import count_tokens, create_message
from rest_shim.models import get_model, list_models
from rest_shim.openapi.endpoints import get_docs, get_openapi
from rest_shim.responses.records import cancel_response, delete_response, get_response, list_input_items
from rest_shim.responses.serve import create_response
from rest_shim.status import health, livez, readyz, welcome
from rest_shim.text_completions import complete_text
from rest_shim.tokens import refresh_token, validate_token
from rest_shim.video_content import get_content
from rest_shim.videos import create_video, delete_video, generate_video, get_video, list_videos

Serve = Callable[..., Awaitable[HTTPResponse | None]]


@dataclass(frozen=True, slots=True)
class Route:
    """One endpoint: how it is called, the RPC behind it, and a line for the docs."""

    methods: tuple[str, ...]
    path: str
    serve: Serve
    rpc: str
    about: str
    # Whether the body is read by `serve` as it comes, and may be larger than memory should hold.
    streamed: bool = False
    # Bytes that a body may have; 0 means the limit of the settings.
    max_body: int = 0


ROUTES: tuple[Route, ...] = (
    Route(("GET",), "/", welcome, "", "What this is, and the list of endpoints."),
    Route(("GET",), "/health", health, "Health.Check", "200 when the gRPC side serves, else 503."),
    Route(("GET",), "/livez", livez, "", "200 while the process answers at all."),
    Route(("GET",), "/readyz", readyz, "Health.Check", "200 when more requests are wanted, else 503."),
    Route(("GET",), "/openapi.json", get_openapi, "", "This API, described for programs (OpenAPI 3.1)."),
    Route(("GET",), "/docs", get_docs, "", "The same as a page, which needs no network."),
    Route(("POST", "GET"), "/v1/validate", validate_token, "TokensService.ValidateToken", "Is the credential good?"),
    Route(("POST", "GET"), "/v1/refresh", refresh_token, "TokensService.RefreshToken", "A fresh credential."),
    Route(("GET",), "/v1/models", list_models, "ModelsService.ListModels", "All model names that work."),
    Route(("GET",), "/v1/models/<model_id:path>", get_model, "ModelsService.GetModel", "One model."),
    Route(
        ("POST",),
        "/v1/chat/completions",
        complete_chat,
        "ChatService.StreamChat, CompleteChat",
        "Chat, whole or as SSE with `stream: true`.",
    ),
    Route(
        ("POST",),
        "/v1/completions",
        complete_text,
        "ChatService.StreamChat, CompleteChat",
        "An answer to a prompt, whole or as SSE.",
    ),
    Route(
        ("POST",),
        "/v1/messages",
        create_message,
        "ChatService.StreamChat, CompleteChat",
        "Chat in Anthropic's form, whole or as events.",
    ),
    Route(
        ("POST",),
        "/v1/messages/count_tokens",
        count_tokens,
        "ChatService.CountTokens",
        "How many tokens a request in Anthropic's form has the model read.",
    ),
    Route(
        ("POST",),
        "/v1/responses",
        create_response,
        "ChatService.StreamChat, CompleteChat; ResponsesService.SaveResponse, BeginResponse",
        "Chat in the form of responses: whole, as events, or in the background.",
    ),
    Route(
        ("GET",),
        "/v1/responses/<response_id:str>",
        get_response,
        "ResponsesService.GetResponse",
        "A kept response, or how far it is.",
    ),
    Route(
        ("DELETE",),
        "/v1/responses/<response_id:str>",
        delete_response,
        "ResponsesService.DeleteResponse",
        "Forget a response.",
    ),
    Route(
        ("POST",),
        "/v1/responses/<response_id:str>/cancel",
        cancel_response,
        "ResponsesService.CancelResponse",
        "Stop a response in the background.",
    ),
    Route(
        ("GET",),
        "/v1/responses/<response_id:str>/input_items",
        list_input_items,
        "ResponsesService.GetResponse",
        "What the model read for a response.",
    ),
    Route(
        ("POST",), "/v1/embeddings", create_embeddings, "EmbeddingsService.CreateEmbeddings", "Make vectors of texts."
    ),
    Route(
        ("POST",), "/v1/images/generations", generate_images, "ImagesService.GenerateImages", "Make images from words."
    ),
    Route(
        ("POST",), "/v1/images/edits", edit_images, "ImagesService.EditImages", "Edit images.", max_body=MAX_EDIT_BYTES
    ),
    Route(
        ("POST",),
        "/v1/videos/generations",
        generate_video,
        "VideosService.CreateVideo, WatchVideo",
        "Make a video and wait for it.",
    ),
    Route(("POST",), "/v1/videos", create_video, "VideosService.CreateVideo", "Start making a video."),
    Route(("GET",), "/v1/videos", list_videos, "VideosService.ListVideos", "The video jobs of the account."),
    Route(("GET",), "/v1/videos/<video_id:str>", get_video, "VideosService.GetVideo", "A video job."),
    Route(("DELETE",), "/v1/videos/<video_id:str>", delete_video, "VideosService.DeleteVideo", "Forget a video job."),
    Route(
        ("GET",), "/v1/videos/<video_id:str>/content", get_content, "VideosService.DownloadVideo", "The video itself."
    ),
    Route(("POST",), "/v1/files", upload_file, "FilesService.UploadFile", "Upload a file (multipart).", streamed=True),
    Route(("GET",), "/v1/files", list_files, "FilesService.ListFiles", "The files that have not expired."),
    Route(("GET",), "/v1/files/<file_id:str>", get_file, "FilesService.GetFile", "A file's description."),
    Route(("DELETE",), "/v1/files/<file_id:str>", delete_file, "FilesService.DeleteFile", "Forget a file."),
    Route(("GET",), "/v1/chats", list_chats, "ChatsService.ListChats", "The chats stored under the account."),
    Route(
        ("DELETE", "POST"),
        "/v1/chats/delete",
        delete_chats,
        "ChatsService.PurgeChats, DeleteChat",
        "Delete all chats, or those that the body names.",
    ),
    Route(("GET",), "/v1/chats/<chat_id:str>", get_chat, "ChatsService.GetChat", "A stored chat with its messages."),
    Route(("DELETE",), "/v1/chats/<chat_id:str>", delete_chat, "ChatsService.DeleteChat", "Delete a stored chat."),
)


def endpoints() -> list[str]:
    """The table as lines, for people."""
    return [f"{'|'.join(route.methods)} {shown(route.path)}" for route in ROUTES]


def shown(path: str) -> str:
    """A path as documentation writes it."""
    return re.sub(r"<\w+:\w+>", "{id}", path)
