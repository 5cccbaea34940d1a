"""What engines do with the features of chat requests, dialect by dialect."""

from qwen_grpc.upstreams.features import FEATURES, features
from qwen_grpc.upstreams.openai_engine.dialects import Dialect
from qwen_grpc.v1.models_pb2 import Support


def features_of(dialect: Dialect) -> dict[str, Support]:
    """How an engine takes each of them: all but a search is sent, unless it is known that it would be left out."""
    refused = ("search", *(() if dialect.several else ("n",)))
    sent = tuple(name for name in FEATURES if name not in (*refused, *dialect.unread))
    return features(sent, ignored=dialect.unread)
