"""The models that make clips, as the documentation of spring to autumn 2026 describes them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum

from qwen_grpc.errors import InvalidParameter, Unsupported
from qwen_grpc.upstreams.dashscope.clip_shapes import P480, P720, P1080, Fixed, Resolutions, Shape, Sizes
from qwen_grpc.upstreams.dashscope.image_models import SERVICES
from qwen_grpc.upstreams.dashscope.names import row_of

USUAL = f"{SERVICES}/video-generation/video-synthesis"
# Where the models of portraits, of movements, and of first and last frames are.
OLDER = f"{SERVICES}/image2video/video-synthesis"

FIRST, LAST, REFERENCE = "first_frame", "last_frame", "reference_image"


class Pictures(Enum):
    """How a request names the pictures that a clip begins from or refers to."""

    NONE = "none"
    MEDIA = "media"
    IMG_URL = "img_url"
    FRAME_URLS = "first_frame_url"
    REFERENCE_URLS = "reference_urls"
    IMAGE_URL = "image_url"


@dataclass(frozen=True, slots=True)
class VideoModel:
    """What a model takes.

    So many pictures are its first and last frames, and up to `references` of
    them are references if there are more; it needs `least`, unless the caller
    sends `media` of its own, whose types may be `roles`. `seconds` are the
    lengths to choose from, of which there may be none, and `needs` are extras
    without which there is no clip.
    """

    pictures: Pictures
    shape: Shape
    seconds: Sequence[int]
    extras: Sequence[str]
    least: int = 0
    frames: int = 0
    references: int = 0
    roles: Sequence[str] = ()
    needs: Sequence[str] = ()
    path: str = USUAL

    @property
    def most(self) -> int:
        """The most pictures that it takes."""
        return max(self.frames, self.references)

    def roles_of(self, count: int) -> Sequence[str]:
        """What each of so many pictures is. Raises `InvalidParameter` for more or fewer than the model takes."""
        if not self.least <= count <= self.most:
            expected = f"{self.least}" if self.least == self.most else f"{self.least} to {self.most}"
            raise InvalidParameter(f"{count} pictures were sent: this model takes {expected}", field="images")
        return (FIRST, LAST)[:count] if count <= self.frames else (REFERENCE,) * count

    def duration(self, seconds: float | None) -> int | None:
        """The length to ask for; None leaves it to the model. Raises `InvalidParameter`."""
        if seconds is None:
            return None
        if seconds not in self.seconds:
            raise InvalidParameter(f"seconds is {seconds:g}: this model makes {lengths(self.seconds)}", field="seconds")
        return int(seconds)


def lengths(seconds: Sequence[int]) -> str:
    """Lengths in words."""
    if not seconds:
        return "clips whose length cannot be chosen"
    if len(seconds) > 3:
        return f"{seconds[0]} to {seconds[-1]} seconds"
    return f"{' or '.join(map(str, seconds))} seconds"


def _to(first: int, last: int) -> Sequence[int]:
    return range(first, last + 1)


_PLAIN = ("prompt_extend", "watermark")
_USUAL = ("negative_prompt", *_PLAIN)
_SOUND = (*_USUAL, "audio_url")
_SHOTS = (*_SOUND, "shot_type")
_FLASH = (*_SHOTS, "audio")
_MEDIA = (*_USUAL, "media")
_ALL = (P480, P720, P1080)
_HD = (P720, P1080)
_RATIOS = ("16:9", "9:16", "1:1", "4:3", "3:4")
_HORSE_RATIOS = (*_RATIOS, "4:5", "5:4", "21:9", "9:21")
_WAN_3 = VideoModel(
    Pictures.MEDIA, Resolutions(_ALL, ("adaptive", "21:9", "16:9", "4:3", "1:1", "3:4", "9:16")), _to(2, 30),
    (*_PLAIN, "audio", "media"), frames=2, references=10,
    roles=(FIRST, LAST, REFERENCE, "reference_video", "reference_audio", "file", "link"),
)  # fmt: skip


def _from_picture(resolutions: Sequence[str], seconds: Sequence[int], extras: Sequence[str]) -> VideoModel:
    return VideoModel(Pictures.IMG_URL, Resolutions(resolutions), seconds, extras, least=1, frames=1)


def _from_frames(resolutions: Sequence[str]) -> VideoModel:
    return VideoModel(Pictures.FRAME_URLS, Resolutions(resolutions), (5,), _USUAL, least=1, frames=2, path=OLDER)


def _animated() -> VideoModel:
    return VideoModel(
        Pictures.IMAGE_URL, Fixed(), (), ("watermark", "video_url", "mode", "check_image"), least=1, frames=1,
        needs=("video_url", "mode"), path=OLDER,
    )  # fmt: skip


def _horses(version: str, resolutions: Sequence[str]) -> dict[str, VideoModel]:
    name, chosen = f"happyhorse-{version}", Resolutions(resolutions, _HORSE_RATIOS)
    seconds = _to(3, 15)
    return {
        f"{name}-t2v": VideoModel(Pictures.NONE, chosen, seconds, ("watermark",)),
        f"{name}-i2v": VideoModel(
            Pictures.MEDIA, Resolutions(resolutions), seconds, ("watermark",), least=1, frames=1, roles=(FIRST,)
        ),
        f"{name}-r2v": VideoModel(
            Pictures.MEDIA, chosen, seconds, ("watermark",), least=1, references=9, roles=(REFERENCE,)
        ),
    }


VIDEO_MODELS: Mapping[str, VideoModel] = {
    "wan3.0-video": _WAN_3,
    "wan3.0-video-prime": _WAN_3,
    "wan2.7-t2v": VideoModel(Pictures.NONE, Resolutions(_HD, _RATIOS), _to(2, 15), _SOUND),
    "wan2.7-i2v": VideoModel(
        Pictures.MEDIA, Resolutions(_HD), _to(2, 15), _MEDIA, least=1, frames=2,
        roles=(FIRST, LAST, "driving_audio", "first_clip"),
    ),
    "wan2.7-r2v": VideoModel(
        Pictures.MEDIA, Resolutions(_HD, _RATIOS), _to(2, 15), _MEDIA, least=1, references=5,
        roles=(FIRST, REFERENCE, "reference_video"),
    ),
    "wan2.7-videoedit": VideoModel(
        Pictures.MEDIA, Resolutions(_HD, _RATIOS), _to(2, 10), (*_MEDIA, "audio_setting"), references=4,
        roles=("video", REFERENCE), needs=("media",),
    ),
    "wan2.6-t2v": VideoModel(Pictures.NONE, Sizes(_HD), _to(2, 15), _SHOTS),
    "wan2.6-i2v": _from_picture(_HD, _to(2, 15), _SHOTS),
    "wan2.6-i2v-flash": _from_picture(_HD, _to(2, 15), _FLASH),
    "wan2.6-r2v": VideoModel(Pictures.REFERENCE_URLS, Sizes(_HD), _to(2, 10), _SHOTS, least=1, references=5),
    "wan2.6-r2v-flash": VideoModel(Pictures.REFERENCE_URLS, Sizes(_HD), _to(2, 10), _FLASH, least=1, references=5),
    "wan2.5-t2v-preview": VideoModel(Pictures.NONE, Sizes(_ALL), (5, 10), _SOUND),
    "wan2.5-i2v-preview": _from_picture(_ALL, (5, 10), _SOUND),
    "wan2.2-t2v-plus": VideoModel(Pictures.NONE, Sizes((P480, P1080)), (5,), _USUAL),
    "wan2.2-i2v-plus": _from_picture((P480, P1080), (5,), _USUAL),
    "wan2.2-i2v-flash": _from_picture(_ALL, (5,), _USUAL),
    "wan2.2-kf2v-flash": _from_frames(_ALL),
    "wan2.2-s2v": VideoModel(
        Pictures.IMAGE_URL, Resolutions((P480, P720)), (), ("audio_url", "style"), least=1, frames=1,
        needs=("audio_url",), path=OLDER,
    ),
    "wan2.2-animate-move": _animated(),
    "wan2.2-animate-mix": _animated(),
    "wanx2.1-t2v-plus": VideoModel(Pictures.NONE, Sizes((P720,)), (5,), _USUAL),
    "wanx2.1-t2v-turbo": VideoModel(Pictures.NONE, Sizes((P480, P720)), (5,), _USUAL),
    "wanx2.1-i2v-plus": _from_picture((P720,), (5,), _USUAL),
    "wanx2.1-i2v-turbo": _from_picture((P480, P720), _to(3, 5), _USUAL),
    "wanx2.1-kf2v-plus": _from_frames((P720,)),
    **_horses("1.0", _HD),
    **_horses("1.1", _ALL),
    "happyhorse-1.0-video-edit": VideoModel(
        Pictures.MEDIA, Resolutions(_HD), (), ("watermark", "audio_setting", "media"), references=5,
        roles=("video", REFERENCE), needs=("media",),
    ),
}  # fmt: skip


def video_model(id_: str) -> VideoModel:
    """What the model of that id, or of that dated id, takes. Raises `Unsupported`."""
    if (found := row_of(id_, VIDEO_MODELS)) is None:
        raise Unsupported(f"the model {id_!r} makes no clips that are known here", field="model")
    return found
