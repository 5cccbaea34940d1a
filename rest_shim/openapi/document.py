"""The OpenAPI document: the routes, what they take and give, and how they fail."""

import re
from collections.abc import Iterable, Mapping
from typing import Any

from qwen_grpc.openai_json.codec import REQUESTS, RESPONSES
from qwen_grpc.openai_json.jsontext import JsonObject
from rest_shim.errors import REASONS
from rest_shim.messages import errors as anthropic
from rest_shim.openapi import told
from rest_shim.openapi.operations import JSON, OPERATIONS, Operation
from rest_shim.openapi.told import Schema

VERSION = "3.1.0"
_parameter = re.compile(r"<(\w+):\w+>")


def document(routes: Iterable[Any]) -> JsonObject:
    """The description of these routes."""
    paths: dict[str, JsonObject] = {}
    for route in routes:
        item = paths.setdefault(_parameter.sub(r"{\1}", route.path), {})
        item |= {method.lower(): _operation(route, method) for method in route.methods}
    return {
        "openapi": VERSION,
        "info": {
            "title": "qwen-grpc",
            "version": "v1",
            "description": "Qwen as OpenAI's and Anthropic's clients know it.",
        },
        "paths": paths,
        "components": _components(),
        "security": [{"bearer": []}, {"key": []}],
    }


def _operation(route: Any, method: str) -> JsonObject:
    name = route.serve.__name__
    told_of = OPERATIONS[name]
    described: JsonObject = {
        "operationId": name if method == route.methods[0] else f"{name}_{method.lower()}",
        "summary": route.about,
        "parameters": [*_path_parameters(route.path), *told_of.query],
        "responses": _responses(told_of, route.path),
    }
    if told_of.takes and method == "POST":
        described["requestBody"] = {"required": told_of.needs_body, "content": _content(told_of.takes)}
    if not route.path.startswith("/v1/") or route.path.startswith("/v1/models"):
        described["security"] = []
    return described


def _path_parameters(path: str) -> list[JsonObject]:
    return [{"name": name, "in": "path", "required": True, "schema": told.TEXT} for name in _parameter.findall(path)]


def _responses(operation: Operation, path: str) -> JsonObject:
    family = "Anthropic" if anthropic.speaks(path) else ""
    failures = {f"{digit}XX": {"$ref": f"#/components/responses/{family}{digit}XX"} for digit in "45"}
    health = {"503": {"description": "It does not serve.", "content": _content(operation.gives)}}
    return {
        "200": {"description": "The answer.", "content": _content(operation.gives)},
        **failures,
        **(health if path in ("/health", "/readyz") else {}),
    }


def _content(bodies: Mapping[str, Schema]) -> JsonObject:
    return {kind: {"schema": schema()} for kind, schema in bodies.items()}


def _components() -> JsonObject:
    own = {
        "Error": told.error(),
        "AnthropicError": told.anthropic_error(),
        "Health": told.objects("status", status=told.words("ok", "not serving")),
    }
    schemas = {**REQUESTS.schemas(), **RESPONSES.schemas(), **told.anthropic(), **own}
    return {
        "schemas": dict(sorted(schemas.items())),
        "responses": {**_failures("Error", ""), **_failures("AnthropicError", "Anthropic")},
        "securitySchemes": {
            "bearer": {"type": "http", "scheme": "bearer"},
            "key": {"type": "apiKey", "in": "header", "name": "x-api-key"},
        },
    }


def _failures(schema: str, family: str) -> dict[str, JsonObject]:
    content = {JSON: {"schema": told.ref(schema)}}
    return {f"{family}{digit}XX": {"description": _codes(int(digit)), "content": content} for digit in "45"}


def _codes(digit: int) -> str:
    """The failures of a kind: their statuses, each with its codes."""
    found: dict[int, list[str]] = {}
    for row in REASONS.values():
        found.setdefault(row.status, []).append(row.code)
    lines = (f"{status}: {', '.join(dict.fromkeys(codes))}" for status, codes in sorted(found.items()))
    return "; ".join(line for line in lines if line.startswith(str(digit)))
