"""Writes the tables of README.md and docs/ from the code that they describe.

A table stands between `<!-- table: NAME -->` and `<!-- end -->`. Without an
argument the files are written; with `--check` nothing is written, and the exit
code is 1 when a table is stale.
"""

import json
import re
import sys
import tomllib
from collections.abc import Callable, Iterable, Iterator, Sequence
from math import inf
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

import contract
import dashscope
import faults
import loads
import measurements
from behaviours import behaviours
from clients import clients
from features import features
from google.protobuf.descriptor import MethodDescriptor, ServiceDescriptor
from google.protobuf.descriptor_pb2 import MethodOptions
from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings

from qwen_grpc.configuration import KeyConfig, SecretRef, TlsConfig, UpstreamConfig
from qwen_grpc.configuration.tables import Part
from qwen_grpc.errors import QwenError
from qwen_grpc.routing.reactions import REACTIONS, REFUSED, UNSEEN, Onward
from qwen_grpc.server import OPTIONS, SERVED
from qwen_grpc.settings import Settings
from qwen_grpc.telemetry.definitions import ALL
from qwen_grpc.upstreams.chat_qwen_ai.models import FAMILIES
from qwen_grpc.upstreams.chat_qwen_ai.sizes import PIXELS, RATIOS
from qwen_grpc.upstreams.fetcher import MAX_FETCHED
from qwen_grpc.upstreams.kinds import MAX_BYTES, MAX_FILES, MIB
from qwen_grpc.upstreams.openai_engine.dialects import DIALECTS
from qwen_grpc.upstreams.openai_engine.models import PURPOSES
from qwen_grpc.v1 import (
    admin_pb2,
    chat_pb2,
    chats_pb2,
    embeddings_pb2,
    files_pb2,
    images_pb2,
    models_pb2,
    responses_pb2,
    tokens_pb2,
    videos_pb2,
)
from rest_shim.errors import REASONS, HttpError
from rest_shim.messages.errors import failure_body, failure_status
from rest_shim.routes import ROUTES, shown
from rest_shim.settings import ShimSettings, StandaloneSettings
from rest_shim.stubs import CHANNEL_OPTIONS

ROOT = Path(__file__).resolve().parent.parent
FILES = (ROOT / "README.md", ROOT / "benchmarks/README.md", *sorted((ROOT / "docs").glob("*.md")))
CONTRACT = (
    *(models_pb2, chat_pb2, responses_pb2, images_pb2, videos_pb2, chats_pb2, tokens_pb2, files_pb2, embeddings_pb2),
    admin_pb2,
)
# Reasons that no class stands for, because the shim finds these failures itself.
SHIM_FINDS = {"HEADERS_TOO_LARGE": "The request headers are over 16 KiB."}

_marked = re.compile(r"(<!-- table: ([a-z_]+) -->\n).*?(<!-- end -->)", re.DOTALL)

Row = Sequence[str]
# A bar inside of a cell.
BAR = r"\|"


def endpoints() -> Iterator[Row]:
    """The REST endpoints."""
    yield ("endpoint", "behind it", "what it does")
    for route in ROUTES:
        yield (f"`{'`, `'.join(route.methods)}` `{shown(route.path)}`", _code(route.rpc), route.about)


def settings() -> Iterator[Row]:
    """What an operator can set."""
    yield ("setting", "default", "meaning")
    for kind in (ShimSettings, Settings):
        yield from _fields(kind)


def standalone() -> Iterator[Row]:
    """What an operator can set of `rest-shim` beside that."""
    yield ("setting", "default", "meaning")
    yield from (
        row for row in _fields(StandaloneSettings) if row[0].strip("`").lower() not in ShimSettings.model_fields
    )


def _fields(kind: type[BaseSettings]) -> Iterator[Row]:
    for name, field in kind.model_fields.items():
        default = str(field.default).lower() if isinstance(field.default, bool) else str(field.default)
        yield (f"`{name.upper()}`", f"`{default}`" if default else "empty", field.description or "")


def part(kind: type[Part]) -> Callable[[], Iterator[Row]]:
    """The keys of a table of the configuration file."""

    def rows() -> Iterator[Row]:
        yield ("key", "without it", "meaning")
        for name, field in kind.model_fields.items():
            yield (f"`{name}`", _default(field), f"{field.description or ''}{_choices(field)}")

    return rows


def _choices(field: FieldInfo) -> str:
    values = get_args(field.annotation) if get_origin(field.annotation) is Literal else ()
    return f" One of {', '.join(_code(value) for value in values)}." if values else ""


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return "an error"
    value = list(field.default) if isinstance(field.default, tuple) else field.default
    return f"`{json.dumps(value)}`" if value not in ("", [], None) else "empty"


def reasons() -> Iterator[Row]:
    """The reasons of failures, with what they become on either door."""
    yield ("reason", "meaning", "gRPC code", "HTTP", "`type`, `code`", "`x-should-retry`")
    kinds: dict[str, list[type[QwenError]]] = {}
    for kind in _below(QwenError):
        kinds.setdefault(kind.reason, []).append(kind)
    for reason, row in REASONS.items():
        found = kinds.get(reason, [])
        codes = ", ".join(dict.fromkeys(kind.code.name for kind in found)) or "none"
        meaning = (found[0].__doc__ or "").splitlines()[0] if found else SHIM_FINDS.get(reason, "Not used yet.")
        retry = "true" if row.retry else "false"
        yield (f"`{reason}`", meaning, codes, str(row.status), f"`{row.type}`, `{row.code}`", retry)


def anthropic_errors() -> Iterator[Row]:
    """The failures in Anthropic's form: which reasons have which word."""
    yield ("HTTP", "`type`", "reasons")
    found: dict[tuple[int, str], list[str]] = {}
    for reason, row in REASONS.items():
        failure = HttpError(row, "")
        told = (failure_status(failure), failure_body(failure, "")["error"]["type"])
        found.setdefault(told, []).append(f"`{reason}`")
    for (status, word), reasons in sorted(found.items()):
        yield (str(status), f"`{word}`", ", ".join(reasons))


def _below(kind: type[QwenError]) -> Iterator[type[QwenError]]:
    for child in kind.__subclasses__():
        yield child
        yield from _below(child)


def rpcs() -> Iterator[Row]:
    """The methods of the contract, and whether this version serves them."""
    yield ("method", "shape", "changes nothing", "status")
    for file in CONTRACT:
        for service in file.DESCRIPTOR.services_by_name.values():
            yield from (_rpc(service, method) for method in service.methods)


def _rpc(service: ServiceDescriptor, method: MethodDescriptor) -> Row:
    options: Any = method.GetOptions()
    harmless = options.idempotency_level == MethodOptions.NO_SIDE_EFFECTS
    status = "served" if service.full_name in SERVED else "on the admin port"
    return (f"`{service.name}.{method.name}`", _shape(method), "yes" if harmless else "no", status)


def _shape(method: MethodDescriptor) -> str:
    if method.client_streaming:
        return "client stream"
    return "server stream" if method.server_streaming else "unary"


def options() -> Iterator[Row]:
    """The options of the gRPC server."""
    return _options(OPTIONS)


def channel() -> Iterator[Row]:
    """The options that `rest-shim` gives its channel, and that suit other clients."""
    return _options(CHANNEL_OPTIONS)


def _options(values: dict[str, Any]) -> Iterator[Row]:
    yield ("option", "value")
    for name, value in values.items():
        yield (f"`{name}`", f"`{value}`")


def models() -> Iterator[Row]:
    """Family names, and the ids that they stand for."""
    yield ("family", "stands for the first of these that the site lists")
    for family, ids in FAMILIES.items():
        yield (f"`{family}`", ", ".join(_code(name) for name in ids))


def sizes() -> Iterator[Row]:
    """The ratios of pictures and clips, and OpenAI's sizes that mean them."""
    yield ("ratio", "also as")
    for ratio in RATIOS:
        yield (_code(ratio), ", ".join(_code(size) for size, meant in PIXELS.items() if meant == ratio))


def kinds() -> Iterator[Row]:
    """How much a message may hold of each kind of media."""
    yield ("kind", "a file", "files in a message", "fetched from an address")
    for kind, limit in MAX_BYTES.items():
        yield (kind, f"{limit // MIB} MiB", str(MAX_FILES[kind]), f"up to {MAX_FETCHED[kind] // MIB} MiB")


def engines() -> Iterator[Row]:
    """How the dialects of engines differ."""
    yield ("", *(_code(name) for name in DIALECTS))
    for what, told in {
        "known by the owner of its models": lambda one: _code(one.owner),
        "or else by what lies beside the API": lambda one: _code(one.probe.path) if one.probe else "",
        "earlier thinking is sent as": lambda one: _code(one.reasoning),
        "thinking is switched by": lambda one: _code(one.switch.value),
        "`thinking_budget` is sent as": lambda one: _code(one.budget) or "not sent, with a notice",
        "words of `reasoning_effort`": lambda one: ", ".join(map(_code, one.efforts)) or "any",
        "most tokens of an answer": lambda one: _code(one.limit) or "as the client says it",
        "media in messages": lambda one: ", ".join(one.media),
        "pictures at addresses": lambda one: "fetched by the engine" if one.fetches else "fetched by the gateway",
        "`tool_choice`": lambda one: "sent" if one.tool_choice else "`auto` and `none` only",
        "`n` above 1": lambda one: "sent" if one.several else "`UNSUPPORTED`",
    }.items():
        yield (what, *(told(dialect) for dialect in DIALECTS.values()))


def purposes() -> Iterator[Row]:
    """What names of models are taken to mean."""
    yield ("a name with", "is a model that does")
    for pattern, purposes in PURPOSES:
        yield (_code(pattern.pattern), ", ".join(_word(one) for one in purposes))


def _word(capability: models_pb2.Capability) -> str:
    return models_pb2.Capability.Name(capability).removeprefix("CAPABILITY_").lower().replace("_", " ")


def layers() -> Iterator[Row]:
    """The layers of the server, from the import rules."""
    rules = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["importlinter"]["contracts"]
    names = next(rule["layers"] for rule in rules if rule["type"] == "layers")
    yield ("", "layer, from the top")
    for number, layer in enumerate(names, 1):
        yield (str(number), ", ".join(_code(name) for name in layer.split(" | ")))


def reactions() -> Iterator[Row]:
    """What becomes of a credential after a failure."""
    yield ("failure", "the credential", "for", "how long")
    for kind, reaction in REACTIONS.items():
        scope = [word for word, holds in (("model", reaction.by_model), ("use", reaction.by_use)) if holds]
        about = f"the same {' and '.join(scope)}" if scope else "every call"
        delays = ", ".join("until it is renewed" if delay == inf else _time(delay) for delay in reaction.delays)
        yield (f"`{kind.reason}`", reaction.condition.value, about, delays)


def _time(seconds: float) -> str:
    hours, minutes = seconds / 3600, seconds / 60
    return f"{hours:g} h" if hours >= 1 else f"{minutes:g} min" if minutes >= 1 else f"{seconds:g} s"


def onward() -> Iterator[Row]:
    """Where a call may go on to after a failure."""
    yield ("failure before the first message", "chat, embeddings", "images")
    for kind, where in (*REFUSED.items(), *UNSEEN.items()):
        yield (f"`{kind.reason}`", where.value, where.value if kind in REFUSED else Onward.NOWHERE.value)


def metrics() -> Iterator[Row]:
    """Every metric, in the order of its subject."""
    yield ("metric", "type", "labels", "unit", "meaning")
    for one in ALL:
        labels = ", ".join(_code(label) for label in one.labels)
        yield (_code(one.name), one.kind.value, labels, one.unit, one.meaning)


TABLES: dict[str, Callable[[], Iterable[Row]]] = {
    "endpoints": endpoints,
    "settings": settings,
    "standalone": standalone,
    "config_upstreams": part(UpstreamConfig),
    "config_keys": part(KeyConfig),
    "config_secrets": part(SecretRef),
    "config_tls": part(TlsConfig),
    "anthropic_errors": anthropic_errors,
    "reasons": reasons,
    "rpcs": rpcs,
    "options": options,
    "channel": channel,
    "models": models,
    "sizes": sizes,
    "dashscope_models": dashscope.models,
    "dashscope_rules": dashscope.rules,
    "dashscope_images": dashscope.images,
    "dashscope_videos": dashscope.videos,
    "kinds": kinds,
    "engines": engines,
    "features": features,
    "purposes": purposes,
    "behaviours": behaviours,
    "layers": layers,
    "reactions": reactions,
    "onward": onward,
    "metrics": metrics,
    "contract_same": contract.same,
    "contract_differences": contract.differences,
    "contract_beside": contract.beside,
    "contract_usage": contract.usage,
    "clients": clients,
    "load": loads.figures,
    "load_places": loads.places,
    "bench_bars": measurements.table("bars"),
    "bench_costs": measurements.table("costs"),
    "bench_latencies": measurements.table("latencies"),
    "bench_memory": measurements.table("memory"),
    "bench_place": measurements.place,
    "faults": faults.faults,
    "faults_score": faults.score,
}


def _code(text: str) -> str:
    return f"`{text}`" if text else ""


def table(rows: Iterable[Row]) -> str:
    """Rows as a Markdown table; the first one is the head."""
    head, *body = ["| " + " | ".join(cell.replace("|", BAR) for cell in row) + " |" for row in rows]
    rule = "|" + "---|" * (head.count(" | ") + 1)
    return "\n".join([head, rule, *body, ""])


def fresh(text: str) -> str:
    """A file's text with its tables as they have to be. Raises `KeyError` for a table that nobody makes."""
    return _marked.sub(lambda found: found[1] + table(TABLES[found[2]]()) + found[3], text)


def main() -> int:
    """Writes the tables, or with `--check` names the files whose tables are stale."""
    stale = [file for file in FILES if fresh(file.read_text(encoding="utf-8")) != file.read_text(encoding="utf-8")]
    for file in stale:
        if "--check" in sys.argv[1:]:
            print(f"{file.relative_to(ROOT)}: a table is stale: run `make docs` and commit the result", file=sys.stderr)
        else:
            file.write_text(fresh(file.read_text(encoding="utf-8")), encoding="utf-8")
    return 1 if stale and "--check" in sys.argv[1:] else 0


if __name__ == "__main__":
    raise SystemExit(main())
