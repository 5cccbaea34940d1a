"""AdminService."""

import time
from collections.abc import Callable, Iterator

from qwen_grpc.calls import Context
from qwen_grpc.routing.health import Health, seconds_until
from qwen_grpc.routing.reactions import Condition
from qwen_grpc.routing.router import Router
from qwen_grpc.v1 import admin_pb2 as pb
from qwen_grpc.v1.admin_pb2_grpc import AdminServiceServicer

STATES = {
    Condition.HEALTHY: pb.LANE_STATE_HEALTHY,
    Condition.COOLING: pb.LANE_STATE_COOLING,
    Condition.HALF_OPEN: pb.LANE_STATE_HALF_OPEN,
    Condition.NEEDS_LOGIN: pb.LANE_STATE_NEEDS_LOGIN,
    Condition.CHALLENGED: pb.LANE_STATE_CHALLENGED,
}


class AdminService(AdminServiceServicer):
    """Shows the operator the pool. No secret is in what it knows."""

    def __init__(self, router: Router, *, now: Callable[[], float] = time.time) -> None:
        self._router = router
        self._now = now

    async def GetPool(self, request: pb.GetPoolRequest, context: Context) -> pb.GetPoolResponse:
        """Every credential of the configuration in force."""
        answer = pb.GetPoolResponse()
        for entry in self._router.snapshot.entries:
            for lane, health in zip(entry.lanes, entry.health, strict=True):
                answer.lanes.add(
                    upstream=entry.name,
                    label=lane.label,
                    in_flight=health.in_flight,
                    calls=health.calls,
                    failures=health.failures,
                    troubles=self._troubles(health),
                )
        return answer

    def _troubles(self, health: Health) -> Iterator[pb.LaneTrouble]:
        for about, trouble in health.troubles.items():
            state = STATES[trouble.condition_at(health.now())]
            shown = pb.LaneTrouble(state=state, model=about.model, usage=about.use, reason=trouble.reason)
            wait = seconds_until(trouble.until, health.now)
            if wait is not None:
                shown.until.FromMilliseconds(int(1000 * (self._now() + wait)))
            yield shown
