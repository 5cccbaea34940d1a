"""Three hundred streams of a hundred deltas a second over a real channel: delivered in time, and in few messages."""

import time
from statistics import mean

from load.crowd import crowd
from load.figures import Figure, at_least, none_of, told
from load.processes import opened
from load.wish import Wish

STREAMS, PER_S = 300, 100
SHARE, PER_MESSAGE = 95.0, 4.0


async def keep_pace(seconds: float, per_message: float = PER_MESSAGE) -> list[Figure]:
    """A delta is in time when it is with the client within a second of the upstream's write."""
    wish = Wish(int(seconds * PER_S), 1_000_000 // PER_S)
    async with opened(compiled=True) as bench, crowd(bench) as callers:
        began, cpu_s = time.monotonic(), bench.gateway.cpu_s()
        clients = await callers.open(["gRPC stream"], wish, STREAMS, every_s=0.01)
        await callers.over()
        busy = (bench.gateway.cpu_s() - cpu_s) / (time.monotonic() - began)
        deltas = sum(client.seen.deltas for client in clients)
        late = sum(client.seen.late for client in clients)
        walls = [(client.seen.ended_ns - client.seen.first_ns) / 1e9 for client in clients]
        messages = sum(client.seen.messages for client in clients)
        return [
            at_least("deltas delivered within a second", 100 * (1 - late / max(1, deltas)), SHARE, "%"),
            at_least("pace kept (ideal / mean time from the first delta)", 100 * seconds / mean(walls), SHARE, "%"),
            at_least("deltas per message", deltas / max(1, messages), per_message, ""),
            told("CPU of the gateway", f"{100 * busy:.0f} % of a core"),
            none_of("streams that were not served whole", callers.faults()),
        ]
