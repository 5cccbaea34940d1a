"""Rounds as they could have been measured."""

from typing import Any

from benchmarks.loads import STREAM_1, STREAMS_16, STREAMS_64, WHOLE_16
from benchmarks.rounds import Round
from benchmarks.systems import DIRECT, ENGINE, GATEWAY, LITELLM, NGINX, PLAIN

EVERY_LOAD = (STREAMS_16, STREAMS_64, WHOLE_16, STREAM_1)


def one(delta_us: float = 100, request_us: float = 1000, **more: Any) -> Round:
    """A round in which all went well."""
    return {
        **{"answers": 10, "complete": 10, "deltas": 1000, "expected": 1000, "delivered": 1.0, "early_steps": 0},
        **{"lost": 0, "doubled": 0, "out_of_order": 0, "errors": 0, "first_error": ""},
        **{"first_ms": [1.5, 3.0, 4.0], "added_ms": [0.2, 0.9, 2.0], "early_ms": [0.3, 1.0, 2.0]},
        **{"whole_ms": [20.0, 30.0, 40.0], "requests_per_s": 100.0},
        **{"cpu_us_per_delta": delta_us, "cpu_us_per_request": request_us},
        **{"switches_per_delta": 1.2, "sleeps_per_delta": 1.0},
        **more,
    }


def rounds(*found: Round) -> dict[str, list[Round]]:
    """The same rounds for each load."""
    return {load.name: list(found) for load in EVERY_LOAD}


def good_rounds() -> dict[str, dict[str, list[Round]]]:
    """Three rounds of everything, in which the gateway holds every bar."""
    return {
        DIRECT: rounds(*[one(0, 0, first_ms=[0.1, 0.2, 0.3], added_ms=[0.05, 0.1, 0.2])] * 3),
        NGINX: rounds(*[one(40, 50)] * 3),
        PLAIN: rounds(*[one(300, 6000)] * 3),
        LITELLM: rounds(*[one(1200, 40_000, delivered=0.6)] * 3),
        GATEWAY: rounds(*[one()] * 3),
        ENGINE: rounds(*[one(90, 900)] * 3),
    }


def held(**more: Any) -> Round:
    """What is held for 1000 streams, when all goes well."""
    return {
        **{"idle_mib": 60.0, "open_mib": 90.0, "kib_per_stream": 30.7, "streams": 1000, "wanted": 1000},
        **{"answers": 1000, "complete": 1000, "lost": 0, "doubled": 0, "out_of_order": 0},
        **{"errors": 0, "first_error": ""},
        **more,
    }
