"""The gateways that a call has passed, so that one that is its own upstream does not call itself for ever.

Each adds its name to the header `Via`, towards own engines only: what looks
like an engine may be a gateway.
"""

import re
import secrets

from qwen_grpc.calls import current
from qwen_grpc.errors import LoopDetected

VIA = "via"
# A gateway behind a gateway is a plan; a third one is a mistake.
MAX_HOPS = 2
_ours = re.compile(r"1\.1 (qwen-grpc-[0-9a-f]{16})(?=\s*(?:,|$))")


class Hops:
    """Knows the name of this gateway, which is another one after each start."""

    def __init__(self) -> None:
        self._name = f"qwen-grpc-{secrets.token_hex(8)}"

    def loop(self, via: str | bytes) -> LoopDetected | None:
        """Why a call is not served that was here before, or that has passed too many gateways."""
        passed = _passed(via)
        if self._name in passed:
            return LoopDetected("this gateway is its own upstream: give the engine's base_url another address")
        if len(passed) >= MAX_HOPS:
            return LoopDetected(f"this call has passed {len(passed)} gateways, and {MAX_HOPS} in a row are served")
        return None

    def onward(self) -> dict[str, str]:
        """The header of a request that this gateway makes for the call of this task. Others' names stay here."""
        call = current()
        passed = _passed(call.metadata.get(VIA, "")) if call else []
        return {VIA: ", ".join(f"1.1 {name}" for name in (*passed, self._name))}


def _passed(via: str | bytes) -> list[str]:
    return _ours.findall(via) if isinstance(via, str) else []
