"""What has to fit together in the configuration, beyond the types of its values.

Problems name keys, never values: a value may be a secret that was put into
the wrong place.
"""

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from difflib import get_close_matches
from urllib.parse import urlsplit

from qwen_grpc.addresses import DASHSCOPE_KEY
from qwen_grpc.configuration.patterns import begin_alike, covers
from qwen_grpc.configuration.tables import EVERYTHING, Configuration, KeyConfig, UpstreamConfig
from qwen_grpc.credentials import jwt
from qwen_grpc.credentials.reading import COMPRESSED_PREFIX
from qwen_grpc.gateway_keys import PREFIX

# Where something is, as keys from the outside in, and what is wrong there.
Problem = tuple[tuple[str | int, ...], str]

NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,31}")
NAME_EXPECTED = "expected a name of 1 to 32 small letters, digits, - and _, with a letter or digit first"
# An upstream understands names of families as models with other names; all of them begin so.
FAMILIES = "qwen*"
# What only one kind of upstream takes notice of.
ONLY = {
    "caller_keys": "openai_engine",
    "dialect": "openai_engine",
    "workspace": "dashscope",
    "wait_timeout": "dashscope",
}
# Nobody's own key for an engine begins like this.
TAKEN = (PREFIX, jwt.PREFIX, COMPRESSED_PREFIX)
# How secrets begin.
SECRETS = (*TAKEN, DASHSCOPE_KEY)
LONGEST_NAME, SHOWN_OF_OTHERS = 32, 8
# Kinds that can be used without any credential.
KEYLESS = ("openai_engine",)


def shown(name: object) -> str:
    """A name out of the file. One that is too long to be a name, or begins like a secret, may be one, and is cut."""
    text = str(name)
    harmless = len(text) <= LONGEST_NAME and not text.startswith(SECRETS)
    return text if harmless else f"{text[:SHOWN_OF_OTHERS]}…"


def nearest(name: str, known: Collection[str]) -> str:
    """A clause about the name that may have been meant."""
    near = get_close_matches(name, known, 1)
    return f"did you mean {near[0]}?" if near else f"expected one of {', '.join(sorted(known))}"


def problems(configuration: Configuration, upstreams: Collection[str]) -> Iterator[Problem]:
    """All that does not fit. `upstreams` are the names in the file, also of tables that could not be read."""
    for name, upstream in configuration.upstreams.items():
        yield from (((*("upstreams", name), *where), text) for where, text in _upstream(name, upstream))
    for alias, targets in configuration.aliases.items():
        yield from (((*("aliases", alias), *where), text) for where, text in _alias(targets, configuration, upstreams))
    for name, key in configuration.keys.items():
        yield from (((*("keys", name), *where), text) for where, text in _key(name, key, configuration, upstreams))
    yield from _twins(configuration.keys)


def _upstream(name: str, upstream: UpstreamConfig) -> Iterator[Problem]:
    yield from _name(name)
    yield from _address(upstream)
    for field, kind in ONLY.items():
        if field in upstream.model_fields_set and upstream.kind != kind:
            yield (field,), f"nothing takes notice of this here; it is for the kind {kind}"
    yield from _patterns("models", upstream.models)
    yield from _patterns("caller_keys", upstream.caller_keys, may_be_empty=True)
    for number, pattern in enumerate(upstream.caller_keys):
        if pattern.startswith(TAKEN):
            yield ("caller_keys", number), f"no engine gets keys like this; {', '.join(TAKEN)} have other meanings"


def _name(name: str) -> Iterator[Problem]:
    if not NAME.fullmatch(name):
        yield (), NAME_EXPECTED


def _address(upstream: UpstreamConfig) -> Iterator[Problem]:
    engine = upstream.kind == "openai_engine"
    if not upstream.base_url:
        if engine:
            yield ("base_url",), "missing; expected the address of the engine, such as http://127.0.0.1:8001/v1"
        return
    wrong = _wrong_url(upstream.base_url, path=engine)
    if wrong:
        yield ("base_url",), wrong


def _wrong_url(url: str, *, path: bool) -> str:
    try:
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.port == 0:
            return "expected an address with http:// or https:// and a host"
    except ValueError:
        return "expected an address with http:// or https:// and a host"
    if "@" in parts.netloc:
        return "expected an address without user and password; credentials have a key of their own"
    if parts.query or parts.fragment:
        return "expected an address without ? and #"
    if parts.path and not path:
        return "expected an origin, which ends with the host or its port"
    return ""


def _patterns(field: str, patterns: Sequence[str], *, may_be_empty: bool = False) -> Iterator[Problem]:
    if not patterns and not may_be_empty:
        yield (field,), "expected at least one pattern; without the key it is *"
    for number, pattern in enumerate(patterns):
        earlier = next((at for at, wide in enumerate(patterns[:number]) if covers(wide, pattern)), None)
        if earlier is not None:
            yield (field, number), f"this is never reached: {field}.{earlier} takes all of it"


def _alias(targets: Sequence[str], configuration: Configuration, upstreams: Collection[str]) -> Iterator[Problem]:
    if not targets:
        yield (), "expected at least one upstream/model"
    for number, target in enumerate(targets):
        name, slash, model = target.partition("/")
        upstream = configuration.upstreams.get(name)
        if not slash or not name or not model:
            yield (number,), "expected upstream/model"
        elif name not in upstreams:
            yield (number,), f"there is no upstream {shown(name)}; {nearest(name, upstreams)}"
        elif target in targets[:number]:
            yield (number,), f"this is never reached: it is the same as {targets.index(target)}"
        elif upstream is not None and not _may_meet([model], upstream.models):
            yield (number,), f"this is never reached: upstreams.{name}.models lets no such model"


def _may_meet(names: Sequence[str], patterns: Sequence[str]) -> bool:
    """Whether an upstream may understand one of these as a model that the patterns let."""
    pairs = [(name, pattern) for name in names for pattern in patterns]
    return any(begin_alike(name, pattern) or begin_alike(name, FAMILIES) for name, pattern in pairs)


def _key(name: str, key: KeyConfig, configuration: Configuration, upstreams: Collection[str]) -> Iterator[Problem]:
    yield from _name(name)
    yield from _patterns("upstreams", key.upstreams)
    yield from _patterns("models", key.models)
    for number, wanted in enumerate(key.upstreams):
        upstream = configuration.upstreams.get(wanted)
        if wanted not in (*EVERYTHING, *upstreams):
            yield ("upstreams", number), f"there is no upstream {shown(wanted)}; {nearest(wanted, upstreams)}"
        elif upstream is not None and not _serves_keys(upstream):
            yield ("upstreams", number), f"upstreams.{wanted} has no credentials for a key to stand for"
    yield from _reach(key, configuration, upstreams)


def _reach(key: KeyConfig, configuration: Configuration, upstreams: Collection[str]) -> Iterator[Problem]:
    """Whether the key opens anything, as far as the tables that could be read tell."""
    if len(configuration.upstreams) < len(upstreams):
        return
    everything = any(pattern in EVERYTHING for pattern in key.upstreams)
    found = configuration.upstreams if everything else {name for name in key.upstreams if name in upstreams}
    usable = [configuration.upstreams[name] for name in found if _serves_keys(configuration.upstreams[name])]
    if everything and not usable:
        yield ("upstreams",), "no upstream has credentials for a key to stand for"
    named = [*configuration.aliases, *(pattern for upstream in usable for pattern in upstream.models)]
    if usable and key.models and not _may_meet(key.models, named):
        yield ("models",), "this is never reached: no upstream of this key lets such a model"


def _serves_keys(upstream: UpstreamConfig) -> bool:
    return bool(upstream.credentials) or upstream.kind in KEYLESS


def _twins(keys: Mapping[str, KeyConfig]) -> Iterator[Problem]:
    first: dict[str, str] = {}
    for name, key in keys.items():
        if first.setdefault(key.hash, name) != name:
            yield ("keys", name, "hash"), f"the same as that of keys.{shown(first[key.hash])}"
