"""The limiter of DashScope: requests and tokens of an account and a model, in sliding windows."""

from __future__ import annotations

from qwen_grpc.simulator.dashscope import faults
from qwen_grpc.simulator.dashscope.behaviour import Limit
from qwen_grpc.simulator.dashscope.call import Call
from qwen_grpc.simulator.dashscope.faults import Refused
from qwen_grpc.simulator.dashscope.state import Used


def take(call: Call, model: str) -> None:
    """Count a request, or refuse it when its account has used up the requests or the tokens of the model."""
    limit = call.row.limit or call.behaviour.limits.get(model)
    if limit is None:
        return
    now, used = call.simulator.now(), call.dashscope.used[call.account, model]
    _forget(used, limit, now)
    if limit.requests and len(used.requests) >= limit.requests:
        raise Refused(faults.RATE_QUOTA)
    if limit.tokens and sum(count for _, count in used.tokens) >= limit.tokens:
        raise Refused(faults.BILLING)
    used.requests.append(now)


def spend(call: Call, model: str, tokens: int) -> None:
    """Count the tokens of an answer."""
    call.dashscope.used[call.account, model].tokens.append((call.simulator.now(), tokens))


def _forget(used: Used, limit: Limit, now: float) -> None:
    while used.requests and used.requests[0] <= now - limit.requests_period_s:
        used.requests.popleft()
    while used.tokens and used.tokens[0][0] <= now - limit.tokens_period_s:
        used.tokens.popleft()
