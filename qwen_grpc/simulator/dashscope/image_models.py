"""The image models of DashScope as of autumn 2026: how many pictures of which size they make, and at which paths."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import Literal

from qwen_grpc.simulator.dashscope import faults
from qwen_grpc.simulator.dashscope.behaviour import DashScopeBehaviour
from qwen_grpc.simulator.dashscope.faults import Refused, invalid

Path = Literal["multimodal", "text2image", "image-generation", "image2image"]
SIZE = re.compile(r"(\d{1,5})\*(\d{1,5})")
NAMED = {"1K": (1024, 1024), "2K": (2048, 2048), "4K": (4096, 4096)}
OLD_SIZES = ("1664*928", "1472*1104", "1328*1328", "1104*1472", "928*1664")


@dataclass(frozen=True, slots=True)
class ImageModel:
    """What an image model takes; sides are the roots of the smallest and the largest area in pixels.

    `fixed` are the only sizes if there are any, `names` are sizes that go by a name.
    """

    n: int
    images: tuple[int, int]
    sides: tuple[int, int]
    default: str
    paths: tuple[Path, ...]
    names: tuple[str, ...] = ()
    fixed: tuple[str, ...] = ()

    def size(self, wanted: object) -> tuple[int, int]:
        """Width and height of a wanted size."""
        text = self.default if wanted is None else str(wanted)
        if text in self.names:
            return NAMED[text]
        found = SIZE.fullmatch(text)
        if not found or (self.fixed and text not in self.fixed):
            raise invalid(f"size must be one of {', '.join(self.fixed or self.names) or 'the form width*height'}")
        width, height = int(found[1]), int(found[2])
        least, most = self.sides
        if not self.fixed and not least**2 <= width * height <= most**2:
            raise invalid(f"Total pixels of size must be between {least}*{least} and {most}*{most}.")
        return width, height


_QWEN = ImageModel(6, (0, 3), (512, 2048), "2048*2048", ("multimodal",))
_WAN_27 = ImageModel(4, (0, 9), (768, 2048), "2K", ("multimodal", "image-generation"), names=("1K", "2K"))
_WAN_26 = ImageModel(4, (0, 0), (1280, 1440), "1280*1280", ("multimodal", "image-generation"))
_WAN_25 = ImageModel(4, (0, 0), (768, 1440), "1280*1280", ("text2image",))
_EDIT = ImageModel(6, (1, 3), (512, 2048), "1024*1024", ("multimodal",))
_OLD_QWEN = ImageModel(1, (0, 0), (512, 2048), "1664*928", ("multimodal", "text2image"), fixed=OLD_SIZES)
_ROWS: dict[str, ImageModel] = {
    "qwen-image-3.0": _QWEN,
    "qwen-image-3.0-pro": _QWEN,
    "qwen-image-2.1": replace(_QWEN, images=(0, 10)),
    "qwen-image-2.0": _QWEN,
    "qwen-image-2.0-2026-03-03": _QWEN,
    "qwen-image-2.0-pro": _QWEN,
    "qwen-image-2.0-pro-2026-04-22": _QWEN,
    "z-image-turbo": ImageModel(1, (0, 0), (512, 2048), "1024*1536", ("multimodal",)),
    "wan2.7-image": _WAN_27,
    "wan2.7-image-pro": replace(_WAN_27, sides=(768, 4096), names=("1K", "2K", "4K")),
    "wan2.6-t2i": _WAN_26,
    "wan2.6-image": replace(_WAN_26, images=(0, 4), sides=(768, 1280), names=("1K",)),
    "wan2.5-t2i-preview": _WAN_25,
    "wan2.2-t2i-plus": replace(_WAN_25, sides=(512, 1440), default="1024*1024"),
    "wan2.2-t2i-flash": replace(_WAN_25, sides=(512, 1440), default="1024*1024"),
    "wan2.5-i2i-preview": replace(_WAN_25, images=(1, 3), paths=("image2image",)),
    "wanx2.1-imageedit": replace(_WAN_25, images=(1, 1), sides=(512, 4096), paths=("image2image",)),
}
_RETIRED: dict[str, ImageModel] = {
    "qwen-image": _OLD_QWEN,
    "qwen-image-plus": _OLD_QWEN,
    "qwen-image-max": replace(_OLD_QWEN, paths=("multimodal",)),
    "qwen-image-edit": replace(_EDIT, n=1),
    "qwen-image-edit-plus": _EDIT,
    "qwen-image-edit-max": _EDIT,
}
EDIT_FUNCTIONS = (
    "description_edit", "description_edit_with_mask", "remove_watermark", "expand", "super_resolution",
    "colorization", "doodle", "control_cartoon_feature", "stylization_all", "stylization_local",
)  # fmt: skip


def image_ids() -> frozenset[str]:
    """The ids of all image models, retired ones too."""
    return frozenset({*_ROWS, *_RETIRED})


def image_model(behaviour: DashScopeBehaviour, model: object, path: Path) -> ImageModel:
    """The image model of that id, which must answer at this path."""
    if not isinstance(model, str) or not model:
        raise Refused(faults.NO_MODEL)
    row = _ROWS.get(model) or (_RETIRED.get(model) if behaviour.keep_retired else None)
    if row is None:
        raise Refused(faults.model_not_found(model))
    if model in behaviour.denied_models:
        raise Refused(faults.MODEL_DENIED)
    if path not in row.paths:
        raise Refused(faults.BAD_URL)
    return row
