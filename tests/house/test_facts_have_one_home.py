"""A fact is spelt in one file; who needs it elsewhere imports it, or moves it down."""

import tomllib
from collections.abc import Callable
from typing import NamedTuple

import pytest
from source_tree import IMITATION, PRODUCT, ROOT, literals, name_of, sources

import qwen_grpc
from qwen_grpc.errors import QwenError
from qwen_grpc.v1.common_pb2 import ErrorReason
from rest_shim.errors import REASONS

SHIM = ("rest_shim",)
SERVER = ("qwen_grpc",)
SITE = "qwen_grpc/upstreams/chat_qwen_ai"
DASHSCOPE = "qwen_grpc/upstreams/dashscope"
DASHSCOPE = "qwen_grpc/upstreams/dashscope"


class Fact(NamedTuple):
    """A text, where it may stand, and the side of the gateway that this is about."""

    text: str
    homes: tuple[str, ...]
    side: tuple[str, ...] = PRODUCT


INSIDE_TEXTS = (
    # OpenAI's wire
    Fact("chat.completion.chunk", ("qwen_grpc/openai_json/overrides.py",)),
    Fact("[DONE]", ("rest_shim/sse.py",), SHIM),
    # Server-sent events: the shim writes them, the adapters read them.
    Fact("data: ", ("rest_shim/sse.py",), SHIM),
    Fact("data: ", ("qwen_grpc/upstreams/sse.py",), SERVER),
    Fact("text/event-stream", ("rest_shim/sse.py",), SHIM),
    Fact("text/event-stream", ("qwen_grpc/upstreams/sse.py",), SERVER),
    # The site
    Fact("chat.qwen.ai", ("qwen_grpc/addresses.py",)),
    Fact("auth.qwen.ai", ("qwen_grpc/addresses.py",)),
    Fact("/api/v2/chat/completions", ("qwen_grpc/addresses.py",)),
    Fact("/api/v2/chats/new", (f"{SITE}/site.py",)),
    # The site's, and a member of the same name that some models of pictures take at DashScope.
    Fact(
        "thinking_mode",
        (f"{SITE}/encode.py", f"{DASHSCOPE}/extras.py", f"{DASHSCOPE}/image_models.py"),
    ),
    Fact("RGV587_ERROR", (f"{SITE}/refusals.py",)),
    Fact("aliyun_waf", (f"{SITE}/refusals.py",)),
    # DashScope
    Fact("dashscope-intl.aliyuncs.com", ("qwen_grpc/addresses.py",)),
    Fact("/compatible-mode/", (f"{DASHSCOPE}/origin.py",)),
    Fact("x-dashscope-wait-timeout", (f"{DASHSCOPE}/origin.py",)),
    Fact("error_finish", (f"{DASHSCOPE}/refusals.py",)),
    # The gateway
    Fact(qwen_grpc.__version__, ("qwen_grpc/__init__.py",)),
    Fact("x-request-timeout-ms", ("rest_shim/exchange.py",)),
    Fact("x-should-retry", ("rest_shim/errors.py",)),
    Fact("x-accel-buffering", ("rest_shim/sse.py",), SHIM),
)

WHOLE_TEXTS = (
    # The typed client imports nothing of the server, so it says the words of the wire again, here and below.
    Fact("qwen.v1", ("qwen_grpc/client/details.py", "qwen_grpc/errors.py")),
    # Read once at each door: as a header by the shim, as metadata by the server. There, `admission` looks whether
    # there is one before anything is read. Three others have to do with the site: an exported request, ours to it, and
    # an upload to its store, which carries the keys of that upload; the last is for upstreams that take API keys.
    Fact("authorization", ("rest_shim/exchange.py",), SHIM),
    Fact(
        "authorization",
        (
            "qwen_grpc/calls.py",
            "qwen_grpc/client/line.py",
            "qwen_grpc/credentials/exchange.py",
            f"{SITE}/headers.py",
            f"{SITE}/object_store.py",
            "qwen_grpc/upstreams/openai_wire/turn.py",
        ),
        SERVER,
    ),
    # Chosen at each door, told by the server with an answer, a failure and a success; the site has one of its own.
    Fact("x-request-id", ("rest_shim/exchange.py",), SHIM),
    Fact(
        "x-request-id",
        ("qwen_grpc/calls.py", "qwen_grpc/client/exchange.py", f"{SITE}/headers.py"),
        SERVER,
    ),
)


@pytest.mark.parametrize("fact", INSIDE_TEXTS, ids=lambda fact: f"{fact.text.strip()} {'+'.join(fact.side)}")
def test_a_fact_has_one_home(fact: Fact) -> None:
    check(fact, lambda text: fact.text in text)


@pytest.mark.parametrize("fact", WHOLE_TEXTS, ids=lambda fact: f"{fact.text} {'+'.join(fact.side)}")
def test_a_name_that_many_must_know_stands_where_the_list_says(fact: Fact) -> None:
    check(fact, lambda text: fact.text == text.lower())


def check(fact: Fact, says: Callable[[str], bool]) -> None:
    files = [path for path in sources(*fact.side) if not name_of(path).startswith(IMITATION)]
    found = [name_of(path) for path in files if any(says(text) for text in literals(path))]
    assert list(fact.homes) == found, (
        f"{fact.text!r} belongs to {', '.join(fact.homes)}: import it from there, or move its home and change this list"
    )


def test_the_version_of_the_package_is_the_version_of_the_code() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert qwen_grpc.__version__ == project["version"], "change the version in pyproject.toml and qwen_grpc/__init__.py"


def test_every_reason_of_the_contract_has_a_row_in_the_shim() -> None:
    words = {name.removeprefix("ERROR_REASON_") for name, _ in ErrorReason.items()} - {"UNSPECIFIED"}
    assert words == set(REASONS), "give each reason of common.proto one row in rest_shim/errors.py, and no other"


def test_every_error_class_says_a_reason_of_the_contract() -> None:
    said = {f"ERROR_REASON_{kind.reason}" for kind in kinds(QwenError)}
    assert said <= set(ErrorReason.keys()), "add the reason to ErrorReason in common.proto, then run `make proto`"


def kinds(base: type[QwenError]) -> list[type[QwenError]]:
    return [base, *(kind for child in base.__subclasses__() for kind in kinds(child))]
