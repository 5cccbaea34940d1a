"""From a caller's size to one of the five ratios that the site offers.

Pictures and clips are asked for by ratio; pixels cannot be chosen. As seen in
the browser's own traffic, Sep 2026.
"""

from collections.abc import Mapping

from qwen_grpc.errors import InvalidParameter
from qwen_grpc.upstreams.chat_qwen_ai.refusals import SITE

RATIOS = ("1:1", "3:4", "4:3", "16:9", "9:16")

# The sizes of OpenAI's pictures and videos.
PIXELS: Mapping[str, str] = {
    "1024x1024": "1:1",
    "1536x1024": "4:3",
    "1024x1536": "3:4",
    "1280x720": "16:9",
    "720x1280": "9:16",
    "1792x1024": "16:9",
    "1024x1792": "9:16",
}


def ratio_of(size: str, default: str) -> str:
    """The ratio that a size means; no size, and OpenAI's `auto`, mean `default`.

    Raises `InvalidParameter` that lists the choices.
    """
    if size in ("", "auto"):
        return default
    if size in RATIOS:
        return size
    if size not in PIXELS:
        choices = ", ".join((*RATIOS, *PIXELS))
        raise InvalidParameter(f"size is {size[:40]!r}: {SITE} makes {choices}", field="size")
    return PIXELS[size]
