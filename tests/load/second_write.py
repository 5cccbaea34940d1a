"""The first writes of a stream: none waits for the acknowledgement of the one before it."""

import asyncio
import re
import socket
import time
from statistics import median

from support import session

from load.asking import http_request
from load.figures import Figure, at_most, told
from load.processes import opened
from load.wish import Wish
from qwen_grpc.credentials import pack

BAR_MS = 5.0
WRITES = 8
# Shorter than the 40 ms for which a kernel may hold back an acknowledgement.
WISH = Wish(WRITES, 20_000)

_stamped = re.compile(rb"w(\d+)@(\d+) ")


async def step(times: int) -> list[Figure]:
    """Ages of the first deltas at the client, stream after stream: of each its median, and of those the largest."""
    async with opened() as bench:
        token = pack(session(ttl_s=3600))
        ages = [await asyncio.to_thread(_ages, bench.rest_port, http_request(WISH, token, stream=True))
                for _ in range(times)]  # fmt: skip
    medians = [median(one[place] for one in ages) for place in range(WRITES)]
    shown = ", ".join(f"{one:.2f}" for one in medians)
    return [
        at_most("second and further SSE writes: age at the client", max(medians[1:]), BAR_MS, "ms"),
        told("medians of the first, second, … write", f"{shown} ms"),
    ]


def _ages(port: int, request: bytes) -> list[float]:
    """Milliseconds from each of the upstream's writes to its arrival here."""
    found: dict[int, float] = {}
    with socket.create_connection(("127.0.0.1", port)) as line:
        line.sendall(request)
        rest = b""
        while len(found) < WRITES and (data := line.recv(65_536)):
            now, rest = time.monotonic_ns(), rest + data
            for stamp in _stamped.finditer(rest):
                found.setdefault(int(stamp[1]), (now - int(stamp[2])) / 1e6)
    return [found[place] for place in range(WRITES)]
