"""How long an upstream is waited for: usual for its kind, set for all, or said of it in the file."""

import re
from typing import Any

import pytest

from qwen_grpc.assembly import clocks_of
from qwen_grpc.configuration import UpstreamConfig
from qwen_grpc.settings import Settings
from qwen_grpc.upstreams.clocks import SETTABLE, Clocks, Waits, Work
from qwen_grpc.upstreams.dashscope.origin import CLOCKS as DASHSCOPE
from qwen_grpc.upstreams.openai_engine.server import CLOCKS as ENGINE


def found(usual: Clocks, config: dict[str, Any] | None = None, **settings: Any) -> Clocks:
    one = UpstreamConfig.model_validate({"kind": "chat_qwen_ai", **(config or {})})
    return clocks_of(usual, one, Settings.model_construct(**{**Settings.model_construct().model_dump(), **settings}))


def test_the_usual_clocks() -> None:
    assert found(Clocks()) == Clocks(
        connect_s=5, headers_s=15, first_event_s=60, thinking_first_event_s=180, idle_s=45, thinking_idle_s=120,
        silence_s=300,
    )  # fmt: skip
    assert (DASHSCOPE, ENGINE.connect_s) == (Clocks(headers_s=30), 5)


@pytest.mark.parametrize("name", SETTABLE)
def test_every_clock_can_be_set_for_all_and_for_one(name: str) -> None:
    usual = Clocks()
    assert found(usual, **{f"upstream_{name}_timeout": 7.0}) == usual.changed(**{name: 7.0})
    both = found(usual, {f"{name}_timeout": 3.0}, **{f"upstream_{name}_timeout": 7.0})
    assert both == usual.changed(**{name: 3.0}) != usual


@pytest.mark.parametrize("name", SETTABLE)
def test_a_clock_that_has_run_out_before_it_begins_is_no_clock(name: str) -> None:
    for kind, key in ((Settings, f"upstream_{name}_timeout"), (UpstreamConfig, f"{name}_timeout")):
        with pytest.raises(ValueError, match=re.escape("greater than 0")):
            kind.model_validate({"kind": "chat_qwen_ai", key: 0} if kind is UpstreamConfig else {key: 0})


def test_what_thinks_and_what_searches_may_be_silent_for_longer() -> None:
    assert {work: Clocks().waits(work) for work in Work} == {
        Work.ANSWERING: Waits(60, 45, 300),
        Work.THINKING: Waits(180, 120, 300),
        Work.RESEARCHING: Waits(180, 600, 600),
    }
