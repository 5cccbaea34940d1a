"""The models that make and edit pictures, as the documentation of spring to autumn 2026 describes them.

The names of models that were switched off by October 2026 are left out.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum

from qwen_grpc.errors import InvalidParameter, Unsupported
from qwen_grpc.upstreams.dashscope.names import row_of
from qwen_grpc.upstreams.dashscope.origin import NATIVE
from qwen_grpc.upstreams.dashscope.sizes import Area, AsGiven, SizeRule

SERVICES = f"{NATIVE}/services/aigc"


class Protocol(Enum):
    """The four ways to ask for pictures; all but the first make a task."""

    SYNC = f"{SERVICES}/multimodal-generation/generation"
    MESSAGES = f"{SERVICES}/image-generation/generation"
    TEXT = f"{SERVICES}/text2image/image-synthesis"
    EDIT = f"{SERVICES}/image2image/image-synthesis"

    @property
    def path(self) -> str:
        """Where the request goes."""
        return self.value

    @property
    def waits(self) -> bool:
        """Whether the answer to the request has the pictures."""
        return self is Protocol.SYNC

    @property
    def converses(self) -> bool:
        """Whether words and pictures come as one message; otherwise each has a member of its own."""
        return self in (Protocol.SYNC, Protocol.MESSAGES)


@dataclass(frozen=True, slots=True)
class ImageModel:
    """What a model takes. `at_once` is the highest `n`; `inputs` are the fewest and the most pictures to begin from.

    `edited` is the rule for edits where it differs from `sizes`; `default` says
    what is made when no size is given. `picture_member` names the picture in
    requests that are no message, and `usual` are extras that have to be there.
    """

    protocol: Protocol
    at_once: int
    inputs: tuple[int, int]
    sizes: SizeRule
    default: str
    extras: tuple[str, ...]
    edited: SizeRule | None = None
    picture_member: str = ""
    usual: Mapping[str, str] | None = None
    needs: tuple[str, ...] = ()
    prompted: bool = True
    seeded: bool = True

    @property
    def generates(self) -> bool:
        """Whether words alone are enough."""
        return self.inputs[0] == 0

    @property
    def edits(self) -> bool:
        """Whether it takes pictures."""
        return self.inputs[1] > 0

    def rule(self, *, editing: bool) -> SizeRule:
        """Which sizes may be asked for."""
        return self.edited if editing and self.edited else self.sizes

    def check_inputs(self, count: int) -> None:
        """Raises `InvalidParameter` for more or fewer pictures than the model takes."""
        least, most = self.inputs
        if not least <= count <= most:
            expected = f"{least}" if least == most else f"{least} to {most}"
            raise InvalidParameter(f"{count} pictures were sent: this model takes {expected}", field="images")


_QWEN = ("negative_prompt", "prompt_extend", "watermark")
_WAN = ("negative_prompt", "prompt_extend", "watermark")
_IN_2_7 = ("watermark", "thinking_mode", "bbox_list", "color_palette")
_FREE = Area(512, 2048, 2048)
_WAN_2_7 = Area(768, 2048, 2048, longest=8, names=("1K", "2K"))
_WAN_2_2 = Area(512, 1440, 1024, sides=(512, 1440))
_WANX_EDIT = (
    "function", "mask_image_url", "strength", "upscale_factor", "is_sketch", "top_scale", "bottom_scale",
    "left_scale", "right_scale", "watermark",
)  # fmt: skip
_TURNED = "about 1024*1024, in the ratio of the last picture"


def _free(inputs: int, default: str) -> ImageModel:
    return ImageModel(Protocol.SYNC, 6, (0, inputs), _FREE, default, _QWEN)


def _older(sizes: Area, default: str) -> ImageModel:
    return ImageModel(Protocol.TEXT, 4, (0, 0), sizes, default, _WAN)


IMAGE_MODELS: Mapping[str, ImageModel] = {
    "qwen-image-3.0": _free(3, "chosen by the model"),
    "qwen-image-3.0-pro": _free(3, "chosen by the model"),
    "qwen-image-2.1": _free(10, "chosen by the model"),
    "qwen-image-2.0": _free(3, f"2048*2048; edits {_TURNED}"),
    "qwen-image-2.0-pro": _free(3, f"2048*2048; edits {_TURNED}"),
    "z-image-turbo": ImageModel(
        Protocol.SYNC, 1, (0, 0), Area(512, 2048, 1280), "1024*1536", ("prompt_extend",)
    ),
    "wan2.7-image": ImageModel(Protocol.MESSAGES, 4, (0, 9), _WAN_2_7, "2K", _IN_2_7),
    "wan2.7-image-pro": ImageModel(
        Protocol.MESSAGES, 4, (0, 9), Area(768, 4096, 2048, longest=8, names=("1K", "2K", "4K")), "2K", _IN_2_7,
        edited=_WAN_2_7,
    ),
    "wan2.6-t2i": ImageModel(Protocol.SYNC, 4, (0, 0), Area(1280, 1440, 1280, longest=4), "1280*1280", _WAN),
    "wan2.6-image": ImageModel(
        Protocol.MESSAGES, 4, (1, 4), Area(768, 2048, 1280, longest=4, names=("1K", "2K")), "1K", _WAN
    ),
    "wan2.5-t2i-preview": _older(Area(1280, 1440, 1280, longest=4), "1280*1280"),
    "wan2.5-i2i-preview": ImageModel(
        Protocol.EDIT, 4, (1, 3), Area(768, 1280, 1280, longest=4),
        "1280*1280 pixels, in the ratio of the last picture", _WAN, picture_member="images",
    ),
    "wan2.2-t2i-plus": _older(_WAN_2_2, "1024*1024"),
    "wan2.2-t2i-flash": _older(_WAN_2_2, "1024*1024"),
    "wanx2.1-t2i-plus": _older(_WAN_2_2, "1024*1024"),
    "wanx2.1-t2i-turbo": _older(_WAN_2_2, "1024*1024"),
    "wanx2.1-imageedit": ImageModel(
        Protocol.EDIT, 4, (1, 1), AsGiven(), "as the picture", _WANX_EDIT, picture_member="base_image_url",
        usual={"function": "description_edit"},
    ),
    "qwen-mt-image": ImageModel(
        Protocol.EDIT, 1, (1, 1), AsGiven(), "as the picture", ("source_lang", "target_lang", "ext"),
        picture_member="image_url", needs=("source_lang", "target_lang"), prompted=False, seeded=False,
    ),
}  # fmt: skip


def image_model(id_: str) -> ImageModel:
    """What the model of that id, or of that dated id, takes. Raises `Unsupported`."""
    if (found := row_of(id_, IMAGE_MODELS)) is None:
        raise Unsupported(f"the model {id_!r} makes no images that are known here", field="model")
    return found
