"""The OpenAPI document as one HTML page without scripts, for reading offline."""

from collections.abc import Sequence
from html import escape

from qwen_grpc.openai_json.jsontext import JsonObject
from qwen_grpc.openai_json.shapes import COMPONENTS

STYLE = """
:root { color-scheme: light dark; font: 16px/1.5 system-ui, sans-serif; }
body { max-width: 60rem; margin: 2rem auto; padding: 0 1rem; }
h2 { margin-top: 2.5rem; }
h3 { margin: 1.5rem 0 .25rem; font-size: 1rem; }
code { font-family: ui-monospace, monospace; }
table { border-collapse: collapse; width: 100%; }
td, th { border-bottom: 1px solid #8884; padding: .25rem .75rem .25rem 0; text-align: left; vertical-align: top; }
.verb { display: inline-block; min-width: 4rem; font-weight: bold; }
"""
SHELL = """<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>{title}</title>
<style>{style}</style></head>
<body><h1>{title}</h1><p>{about} The same for programs: <a href="openapi.json">openapi.json</a>.</p>
<h2>Endpoints</h2>{endpoints}
<h2>Failures</h2>{failures}
<h2>Shapes</h2>{shapes}</body></html>
"""


def page(document: JsonObject) -> str:
    """The page: the endpoints, how they fail, and the shapes of what they take and give."""
    paths, components = document["paths"], document["components"]
    endpoints = [_endpoint(path, method, told) for path, methods in paths.items() for method, told in methods.items()]
    return SHELL.format(
        title=escape(document["info"]["title"]),
        about=escape(document["info"]["description"]),
        style=STYLE,
        endpoints="".join(endpoints),
        failures=_table(("status", "codes"), _failures(components["responses"])),
        shapes="".join(_shape(name, schema) for name, schema in components["schemas"].items()),
    )


def _endpoint(path: str, method: str, told: JsonObject) -> str:
    rows = [("takes", kind, _words(one["schema"])) for kind, one in _bodies(told.get("requestBody", {}))]
    rows += [("gives", kind, _words(one["schema"])) for kind, one in _bodies(told["responses"]["200"])]
    rows += [(one["in"], f"<code>{escape(one['name'])}</code>", _words(one["schema"])) for one in told["parameters"]]
    title = f'<span class="verb">{method.upper()}</span><code>{escape(path)}</code>'
    return f"<h3>{title}</h3><p>{escape(told['summary'])}</p>{_table((), rows)}"


def _bodies(holder: JsonObject) -> list[tuple[str, JsonObject]]:
    return list(holder.get("content", {}).items())


def _failures(responses: JsonObject) -> list[tuple[str, ...]]:
    texts = [one["description"] for name, one in responses.items() if name[0].isdigit()]
    return [
        (status, codes) for text in texts for status, _, codes in (line.partition(": ") for line in text.split("; "))
    ]


def _shape(name: str, schema: JsonObject) -> str:
    needed = schema.get("required", ())
    rows = [
        (f"<code>{escape(member)}</code>", _words(told), "always" if member in needed else "")
        for member, told in schema.get("properties", {}).items()
    ]
    about = f"<p>{escape(schema['description'])}</p>" if "description" in schema else ""
    return f'<h3 id="{escape(name)}"><code>{escape(name)}</code></h3>{about}{_table((), rows)}'


def _words(schema: JsonObject) -> str:
    """A schema in few words, with links to shapes."""
    match schema:
        case {"$ref": str(target)}:
            name = escape(target.removeprefix(COMPONENTS))
            return f'<a href="#{name}">{name}</a>'
        case {"anyOf": list(choices)}:
            return " or ".join(map(_words, choices))
        case {"allOf": list(parts)}:
            return " and ".join(map(_words, parts))
        case {"type": "array", "items": dict(items)}:
            return f"list of {_words(items)}"
        case _:
            return _plain(schema)


def _plain(schema: JsonObject) -> str:
    """A schema that holds no other, or whose parts are not looked at."""
    match schema:
        case {"enum": list(choices)}:
            return ", ".join(f"<code>{escape(str(one))}</code>" for one in choices)
        case {"const": value}:
            return f"<code>{escape(str(value))}</code>"
        case {"type": "object", "properties": dict(members)}:
            return "object with " + ", ".join(f"<code>{escape(name)}</code>" for name in members)
        case {"description": str(text)}:
            return escape(text)
        case _:
            kinds = schema.get("type", "anything")
            return escape(kinds if isinstance(kinds, str) else " or ".join(kinds))


def _table(head: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> str:
    """Cells are HTML already."""
    titles = f"<tr>{''.join(f'<th>{title}</th>' for title in head)}</tr>" if head else ""
    lines = (f"<tr>{''.join(f'<td>{cell}</td>' for cell in row)}</tr>" for row in rows)
    return f"<table>{titles}{''.join(lines)}</table>" if rows else ""
