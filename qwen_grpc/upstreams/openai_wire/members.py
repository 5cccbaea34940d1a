"""Members of requests that mean something to whoever passes them on."""

from qwen_grpc.openai_json.jsontext import JsonObject

# What some clients and proxies take for instructions where to send a request and with which key, and what engines
# that work in pairs take for the address of the other one. Nothing of it is a caller's to choose.
NEVER_SENT = (
    "api_base",
    "api_key",
    "api_type",
    "api_version",
    "base_url",
    "bootstrap_host",
    "bootstrap_port",
    "bootstrap_room",
    "custom_llm_provider",
    "default_headers",
    "extra_body",
    "extra_headers",
    "extra_query",
    "headers",
    "kv_transfer_params",
    "litellm_params",
    "organization",
)

# The type of a tool that asks for the server's own search. Agents send it beside their functions, whoever answers.
WEB_SEARCH = "web_search"


def is_web_search(tool: JsonObject) -> bool:
    """Whether a tool is a web search, of whichever version (`web_search_preview`, say)."""
    return str(tool.get("type", "")).startswith(WEB_SEARCH)


def without_web_search(body: JsonObject) -> JsonObject:
    """The request without tools that are web searches."""
    tools = body.get("tools") or []
    kept = [tool for tool in tools if not is_web_search(tool)]
    if len(kept) == len(tools):
        return body
    rest = {name: item for name, item in body.items() if name != "tools"}
    return rest | {"tools": kept} if kept else rest
