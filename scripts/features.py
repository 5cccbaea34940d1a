"""The table of docs/upstreams.md that says how each upstream takes the features of requests."""

from collections.abc import Iterator, Mapping, Sequence

from qwen_grpc.upstreams.chat_qwen_ai.features import features_of as at_the_site
from qwen_grpc.upstreams.dashscope.features import features_of as at_dashscope
from qwen_grpc.upstreams.dashscope.models import TRAITS
from qwen_grpc.upstreams.features import FEATURES
from qwen_grpc.upstreams.openai_engine.dialects import DIALECTS
from qwen_grpc.upstreams.openai_engine.features import features_of as at_an_engine
from qwen_grpc.v1.models_pb2 import CAPABILITY_SEARCH, CAPABILITY_THINKING, Support

# As long as it is the first of these, it is the better one.
BEST_FIRST = ("native", "emulated", "ignored", "refused")

Row = Sequence[str]
Told = Sequence[Mapping[str, Support]]


def features() -> Iterator[Row]:
    """How each upstream takes the features of chat requests."""
    columns: dict[str, Told] = {
        "chat.qwen.ai": [at_the_site([CAPABILITY_THINKING, CAPABILITY_SEARCH]), at_the_site([])],
        "DashScope": [at_dashscope(traits) for traits in TRAITS.values()],
        **{dialect.title: [at_an_engine(dialect)] for dialect in DIALECTS.values()},
    }
    yield ("feature", "in a request", *columns)
    for name, fields in FEATURES.items():
        yield (f"`{name}`", fields, *(_words(told, name) for told in columns.values()))


def _words(told: Told, feature: str) -> str:
    words = {Support.Name(one[feature]).removeprefix("SUPPORT_").lower() for one in told}
    return " or ".join(sorted(words, key=BEST_FIRST.index))
