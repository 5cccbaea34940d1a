"""What a scrape looks at."""

from collections.abc import Callable
from dataclasses import dataclass

from qwen_grpc.ledger import Jobs
from qwen_grpc.pressure import Pressure
from qwen_grpc.routing.router import Router


@dataclass(frozen=True, slots=True)
class Sources:
    """The parts of a server that have states. `draining` tells whether its end has begun."""

    router: Router
    pressure: Pressure
    jobs: Jobs
    draining: Callable[[], bool]
