"""The media in messages, with the paths that OpenAI's JSON gives them."""

from collections.abc import Iterator
from dataclasses import dataclass

from qwen_grpc.upstreams.kinds import AUDIO, IMAGE, VIDEO
from qwen_grpc.v1.chat_pb2 import ChatMessage, ContentPart
from qwen_grpc.v1.common_pb2 import Media

_AUDIO_TYPES = {"wav": "audio/wav", "mp3": "audio/mpeg"}


@dataclass(frozen=True, slots=True)
class Item:
    """A medium, the path of its field, and the kind that it has to be; empty takes any.

    An empty `mime_type` is for the medium itself to tell.
    """

    path: str
    media: Media
    kind: str = ""
    mime_type: str = ""


def media_of(message: ChatMessage, path: str) -> Iterator[Item]:
    """The media in a message that stands at `path`."""
    for number, part in enumerate(message.parts):
        yield from _media_of_part(part, f"{path}.content[{number}]")


def _media_of_part(part: ContentPart, path: str) -> Iterator[Item]:
    match part.WhichOneof("part"):
        case "image":
            yield Item(f"{path}.image_url", part.image.media, IMAGE)
        case "audio":
            yield Item(f"{path}.input_audio", part.audio.media, AUDIO, _AUDIO_TYPES.get(part.audio.format, ""))
        case "video" if part.video.frames:
            for number, frame in enumerate(part.video.frames):
                yield Item(f"{path}.video[{number}]", frame, IMAGE)
        case "video":
            yield Item(f"{path}.video_url", part.video.media, VIDEO)
        case "file":
            # Any kind may come as a file: a picture that was uploaded before, say.
            yield Item(f"{path}.file", part.file)
        case _:
            return
