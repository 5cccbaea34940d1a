"""The video models of DashScope as of autumn 2026: what they start from, how long and how large their videos are."""

from __future__ import annotations

from dataclasses import dataclass, replace

from qwen_grpc.simulator.dashscope import faults
from qwen_grpc.simulator.dashscope.behaviour import DashScopeBehaviour
from qwen_grpc.simulator.dashscope.faults import Refused

RATIOS = ("16:9", "9:16", "1:1", "4:3", "3:4")
MORE_RATIOS = (*RATIOS, "4:5", "5:4", "21:9", "9:21")
SIZES_720 = ("1280*720", "720*1280", "960*960", "1088*832", "832*1088")
SIZES_1080 = ("1920*1080", "1080*1920", "1440*1440", "1632*1248", "1248*1632")


@dataclass(frozen=True, slots=True)
class VideoModel:
    """What a video model takes: seconds, resolutions, ratios or sizes, and what it must start from.

    `fields` are fields of the input that must be there, `media` are types of media of which one must be.
    """

    seconds: tuple[int, ...]
    resolutions: tuple[str, ...] = ("720P", "1080P")
    default: str = "1080P"
    ratios: tuple[str, ...] = ()
    sizes: tuple[str, ...] = ()
    fields: tuple[str, ...] = ()
    media: tuple[str, ...] = ()
    own_path: bool = False


def _from_to(first: int, last: int) -> tuple[int, ...]:
    return tuple(range(first, last + 1))


_WAN_30 = VideoModel(
    (-1, *_from_to(2, 30)), ("480P", "720P", "1080P"), "720P", ("adaptive", "21:9", "16:9", "4:3", "1:1", "3:4", "9:16")
)
_WAN_27 = VideoModel(_from_to(2, 15), ratios=RATIOS)
_WAN_26 = VideoModel(_from_to(2, 15))
_WAN_25 = VideoModel((5, 10), ("480P", "720P", "1080P"))
_WAN_22 = VideoModel((5,), ("480P", "720P", "1080P"), "720P")
_HORSE = VideoModel(_from_to(3, 15), ratios=MORE_RATIOS)
_ROWS: dict[str, VideoModel] = {
    "wan3.0-video": _WAN_30,
    "wan3.0-video-prime": _WAN_30,
    "wan2.7-t2v": _WAN_27,
    "wan2.7-i2v": replace(_WAN_27, ratios=(), media=("first_frame", "first_clip")),
    "wan2.7-r2v": replace(_WAN_27, media=("reference_image", "reference_video")),
    "wan2.7-videoedit": replace(_WAN_27, seconds=(0, *_from_to(2, 10)), media=("video",)),
    "wan2.6-t2v": replace(_WAN_26, sizes=SIZES_720 + SIZES_1080),
    "wan2.6-i2v": replace(_WAN_26, fields=("img_url",)),
    "wan2.6-i2v-flash": replace(_WAN_26, fields=("img_url",)),
    "wan2.6-r2v": replace(_WAN_26, sizes=SIZES_720 + SIZES_1080, fields=("reference_urls",)),
    "wan2.6-r2v-flash": replace(_WAN_26, sizes=SIZES_720 + SIZES_1080, fields=("reference_urls",)),
    "wan2.5-t2v-preview": replace(_WAN_25, sizes=("832*480", "480*832", "624*624", *SIZES_720, *SIZES_1080)),
    "wan2.5-i2v-preview": replace(_WAN_25, fields=("img_url",)),
    "wan2.2-t2v-plus": replace(_WAN_22, sizes=("832*480", "480*832", *SIZES_1080)),
    "wan2.2-i2v-plus": replace(_WAN_22, fields=("img_url",)),
    "wan2.2-i2v-flash": replace(_WAN_22, fields=("img_url",)),
    "wan2.2-kf2v-flash": replace(_WAN_22, fields=("first_frame_url", "last_frame_url"), own_path=True),
    "happyhorse-1.0-t2v": _HORSE,
    "happyhorse-1.0-i2v": replace(_HORSE, ratios=(), media=("first_frame",)),
    "happyhorse-1.1-t2v": replace(_HORSE, resolutions=("480P", "720P", "1080P")),
}


def video_ids() -> frozenset[str]:
    """The ids of all video models."""
    return frozenset(_ROWS)


def video_model(behaviour: DashScopeBehaviour, model: object, *, own_path: bool) -> VideoModel:
    """The video model of that id; a few older ones answer at a path of their own."""
    if not isinstance(model, str) or not model:
        raise Refused(faults.NO_MODEL)
    row = _ROWS.get(model)
    if row is None:
        raise Refused(faults.model_not_found(model))
    if model in behaviour.denied_models:
        raise Refused(faults.MODEL_DENIED)
    if row.own_path != own_path:
        raise Refused(faults.BAD_URL)
    return row
