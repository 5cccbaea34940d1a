"""Made pictures and videos in the object store: signed addresses, and how they are delivered."""

from __future__ import annotations

import base64
import hmac
from datetime import UTC, datetime
from urllib.parse import quote

from sanic import Request

from qwen_grpc.simulator.dashscope.call import Call
from qwen_grpc.simulator.outputs import deliver, store_error
from qwen_grpc.simulator.renderings import Rendering
from qwen_grpc.simulator.replies import Answer
from qwen_grpc.simulator.routes import Route
from qwen_grpc.simulator.state import Simulator

PREFIX = "/oss/dashscope-results/"
ACCESS_KEY_ID = "LTAI-simulated"
SECRET = b"known to the store"


def publish(call: Call, made: Rendering, name: str) -> str:
    """Put a result into the store; the address is good as long as the behaviour says."""
    day = datetime.fromtimestamp(call.simulator.now(), UTC).strftime("%Y%m%d")
    place = f"7d/{call.id[-2:]}/{day}/{name}"
    call.dashscope.results[place] = made
    expires = int(call.simulator.now() + call.behaviour.result_ttl_s)
    query = f"Expires={expires}&OSSAccessKeyId={ACCESS_KEY_ID}&Signature={quote(signature(place, expires), safe='')}"
    return f"{call.simulator.url}{PREFIX}{place}?{query}"


def signature(place: str, expires: int) -> str:
    """The signature of an address for reading, as the store computes it."""
    signed = f"GET\n\n\n{expires}\n/dashscope-results/{place}".encode()
    return base64.b64encode(hmac.digest(SECRET, signed, "sha1")).decode()


async def fetch(simulator: Simulator, request: Request, place: str) -> Answer | None:
    """A result by its signed address, which must be the only sign of who asks."""
    if "authorization" in request.headers:
        words = "OSS authentication information appears in the header and in the query."
        return store_error(400, "InvalidArgument", words)
    expires, made = request.args.get("Expires", ""), simulator.dashscope.results.get(place)
    if not expires.isdecimal() or request.args.get("Signature") != signature(place, int(expires)):
        return store_error(403, "SignatureDoesNotMatch", "The request signature we calculated does not match.")
    if int(expires) <= simulator.now():
        return store_error(403, "AccessDenied", "Request has expired.")
    if made is None:
        return store_error(404, "NoSuchKey", "The specified key does not exist.")
    return await deliver(simulator, request, made)


ROUTES: tuple[Route, ...] = (Route("GET", f"{PREFIX}<place:path>", fetch),)
