"""Members of requests that mean something to whoever passes them on."""

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
